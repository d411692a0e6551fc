using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>What a tokenizer.json says, checked: a byte-level BPE with one of the published patterns.</summary>
internal sealed record TokenizerFile(
    Dictionary<string, int> Vocabulary,
    List<string> Merges,
    List<AddedToken> AddedTokens,
    bool ComposeText,
    PieceSplitter Splitter,
    bool AddPrefixSpace,
    bool IgnoreMerges,
    int[] Prefix,
    int[] Suffix)
{
    private const string Supports =
        "Supported are byte-level BPE models: GPT-2 (ByteLevel), Qwen2 and Llama-3 (Split by their published pattern, then ByteLevel).";

    /// <param name="json">The file.</param>
    /// <param name="path">Its name in messages.</param>
    /// <exception cref="InvalidDataException">The file is broken.</exception>
    /// <exception cref="NotSupportedException">The file describes another kind of tokenizer.</exception>
    public static TokenizerFile Parse(ReadOnlyMemory<byte> json, string path)
    {
        using var document = ParseJson(json, path);
        var root = Object(document.RootElement, path, "the document");
        var model = Object(Required(root, "model", path, ""), path, "model");
        CheckModel(model, path);
        var vocabulary = ReadVocabulary(Object(Required(model, "vocab", path, "model"), path, "model.vocab"), path);
        for (var b = 0; b < 256; b++)
        {
            if (!vocabulary.ContainsKey(ByteSymbols.Of((byte)b).ToString()))
            {
                throw Broken(path, "model.vocab", $"has no symbol '{ByteSymbols.Of((byte)b)}' for byte {b}: a byte-level vocabulary holds all 256");
            }
        }

        var merges = ReadMerges(Required(model, "merges", path, "model"), vocabulary, path);
        var added = ReadAddedTokens(root, vocabulary, path);
        var (splitter, prefixSpace) = ReadPreTokenizer(Optional(root, "pre_tokenizer"), path);
        var (prefix, suffix) = ReadPostProcessor(Optional(root, "post_processor"), vocabulary, added, path);
        CheckDecoder(Optional(root, "decoder"), path);
        return new(
            vocabulary, merges, added, ReadNormalizer(Optional(root, "normalizer"), path, "normalizer"), splitter, prefixSpace,
            Flag(model, "ignore_merges", path, "model"), prefix, suffix);
    }

    /// <summary>Parses JSON with errors that name the file. Names of members can be read then; values are read by <see cref="Text"/>.</summary>
    public static JsonDocument ParseJson(ReadOnlyMemory<byte> json, string path)
    {
        try
        {
            if (!Utf8.IsValid(json.Span))
            {
                throw new InvalidDataException($"{path} holds bytes that are not UTF-8.");
            }

            var text = json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json;
            CheckNames(text.Span, path);
            return JsonDocument.Parse(text);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path} is not valid JSON: {e.Message}", e);
        }
    }

    // A name can escape half of a surrogate pair, which is noticed only where it is read.
    private static void CheckNames(ReadOnlySpan<byte> json, string path)
    {
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                try
                {
                    _ = reader.GetString();
                }
                catch (InvalidOperationException e)
                {
                    throw new InvalidDataException($"{path}, byte {reader.TokenStartIndex}: the name of a member holds an unpaired surrogate.", e);
                }
            }
        }
    }

    /// <summary>A string value; an unpaired surrogate in it is an error that names the place.</summary>
    public static string Text(JsonElement element, string path, string place)
    {
        if (element.ValueKind != JsonValueKind.String)
        {
            throw Broken(path, place, $"must be a string, not {Name(element.ValueKind)}");
        }

        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw Broken(path, place, "holds an unpaired surrogate or bytes that are not UTF-8", e);
        }
    }

    /// <summary>Refuses ids far beyond the number of tokens: a table by id would take memory out of proportion to the file.</summary>
    /// <param name="path">The file that gave the last of them.</param>
    public void CheckIds(string path)
    {
        const int mostUnused = 1 << 16;
        var (token, id) = Vocabulary.Concat(AddedTokens.Select(t => KeyValuePair.Create(t.Content, t.Id))).MaxBy(v => v.Value);
        var count = Vocabulary.Count + AddedTokens.Count;
        if (id > count + mostUnused)
        {
            throw Broken(path, $"\"{token}\"", $"has id {id}, but there are only {count} tokens; at most {mostUnused} ids may be unused");
        }
    }

    public static InvalidDataException Broken(string path, string place, string what, Exception? inner = null) =>
        new($"{path}: {place} {what}.", inner);

    private static NotSupportedException Unsupported(string path, string place, string what) =>
        new($"{path}: {place} {what} is not supported. {Supports}");

    private static void CheckModel(JsonElement model, string path)
    {
        var type = Optional(model, "type") is { } t ? Text(t, path, "model.type") : "BPE"; // absent in old files
        if (type != "BPE")
        {
            throw Unsupported(path, "model.type", $"\"{type}\"");
        }

        if (Flag(model, "byte_fallback", path, "model"))
        {
            throw Unsupported(path, "model.byte_fallback", "true (SentencePiece: Llama 1 and 2, Mistral 7B)");
        }

        foreach (var name in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (Optional(model, name) is { } value && Text(value, path, $"model.{name}").Length > 0)
            {
                throw Unsupported(path, $"model.{name}", value.GetRawText());
            }
        }

        if (Optional(model, "dropout") is { } dropout && (dropout.ValueKind != JsonValueKind.Number || dropout.GetDouble() != 0))
        {
            throw Unsupported(path, "model.dropout", dropout.GetRawText());
        }
    }

    public static Dictionary<string, int> ReadVocabulary(JsonElement vocab, string path)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        var byId = new Dictionary<int, string>();
        foreach (var property in vocab.EnumerateObject())
        {
            string token;
            try
            {
                token = property.Name;
            }
            catch (InvalidOperationException e)
            {
                throw Broken(path, $"entry {vocabulary.Count} of model.vocab", "holds an unpaired surrogate or bytes that are not UTF-8", e);
            }

            var id = Id(property.Value, path, $"model.vocab[\"{token}\"]");
            if (!vocabulary.TryAdd(token, id))
            {
                throw Broken(path, $"model.vocab[\"{token}\"]", "appears twice");
            }

            if (!byId.TryAdd(id, token))
            {
                throw Broken(path, $"model.vocab[\"{token}\"]", $"has id {id}, which \"{byId[id]}\" has too");
            }
        }

        return vocabulary.Count > 0 ? vocabulary : throw Broken(path, "model.vocab", "is empty");
    }

    private static List<string> ReadMerges(JsonElement merges, Dictionary<string, int> vocabulary, string path)
    {
        if (merges.ValueKind != JsonValueKind.Array)
        {
            throw Broken(path, "model.merges", $"must be an array, not {Name(merges.ValueKind)}");
        }

        var result = new List<string>(merges.GetArrayLength());
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var merge in merges.EnumerateArray())
        {
            var place = $"model.merges[{result.Count}]";
            string[] pair = merge.ValueKind == JsonValueKind.Array
                ? [.. merge.EnumerateArray().Select(m => Text(m, path, place))]
                : Text(merge, path, place).Split(' ');
            if (pair.Length != 2 || pair.Any(p => p.Length == 0 || p.Contains(' ', StringComparison.Ordinal)))
            {
                throw Broken(path, place, $"must be two pieces without spaces, \"a b\" or [\"a\", \"b\"], not {merge.GetRawText()}");
            }

            foreach (var piece in new[] { pair[0], pair[1], pair[0] + pair[1] })
            {
                if (!vocabulary.ContainsKey(piece))
                {
                    throw Broken(path, place, $"(\"{pair[0]}\" + \"{pair[1]}\") needs \"{piece}\", which is not in model.vocab");
                }
            }

            var joined = $"{pair[0]} {pair[1]}";
            result.Add(seen.Add(joined) ? joined : throw Broken(path, place, $"(\"{joined}\") appears twice"));
        }

        return result;
    }

    private static List<AddedToken> ReadAddedTokens(JsonElement root, Dictionary<string, int> vocabulary, string path)
    {
        var tokens = new List<AddedToken>();
        if (Optional(root, "added_tokens") is not { } array)
        {
            return tokens;
        }

        if (array.ValueKind != JsonValueKind.Array)
        {
            throw Broken(path, "added_tokens", $"must be an array, not {Name(array.ValueKind)}");
        }

        var byId = vocabulary.ToDictionary(v => v.Value, v => v.Key);
        foreach (var element in array.EnumerateArray())
        {
            var place = $"added_tokens[{tokens.Count}]";
            Object(element, path, place);
            var token = ReadAddedToken(element, Id(Required(element, "id", path, place), path, $"{place}.id"), path, place);
            AddToken(token, vocabulary, byId, tokens, path, place);
        }

        return tokens;
    }

    /// <summary>One entry of added_tokens, or of added_tokens_decoder in tokenizer_config.json.</summary>
    public static AddedToken ReadAddedToken(JsonElement element, int id, string path, string place) => new(
        id,
        Text(Required(Object(element, path, place), "content", path, place), path, $"{place}.content"),
        Flag(element, "single_word", path, place),
        Flag(element, "lstrip", path, place),
        Flag(element, "rstrip", path, place),
        Flag(element, "normalized", path, place),
        Flag(element, "special", path, place));

    private static void AddToken(
        AddedToken token, Dictionary<string, int> vocabulary, Dictionary<int, string> byId, List<AddedToken> tokens, string path, string place)
    {
        if (vocabulary.TryGetValue(token.Content, out var id) && id != token.Id)
        {
            throw Broken(path, place, $"gives \"{token.Content}\" id {token.Id}, but model.vocab gives it {id}");
        }

        if (byId.TryGetValue(token.Id, out var other) && other != token.Content)
        {
            throw Broken(path, place, $"gives \"{token.Content}\" id {token.Id}, which \"{other}\" has already");
        }

        if (tokens.Any(t => t.Content == token.Content))
        {
            throw Broken(path, place, $"lists \"{token.Content}\" a second time");
        }

        byId[token.Id] = token.Content;
        tokens.Add(token);
    }

    private static bool ReadNormalizer(JsonElement? normalizer, string path, string place)
    {
        if (normalizer is not { } element)
        {
            return false;
        }

        var type = Type(element, path, place);
        return type switch
        {
            "NFC" => true,
            "Sequence" => Parts(element, "normalizers", path, place).Select(p => ReadNormalizer(p.Element, path, p.Place)).ToList().Contains(true),
            _ => throw Unsupported(path, place, $"\"{type}\" (known: none, NFC)"),
        };
    }

    private static (PieceSplitter Splitter, bool AddPrefixSpace) ReadPreTokenizer(JsonElement? preTokenizer, string path)
    {
        const string place = "pre_tokenizer";
        if (preTokenizer is not { } element)
        {
            throw Unsupported(path, place, "null (the whole text is one piece)");
        }

        var parts = Type(element, path, place) == "Sequence" ? [.. Parts(element, "pretokenizers", path, place)] : new List<(JsonElement Element, string Place)> { (element, place) };
        PieceSplitter? splitter = null;
        for (var i = 0; i < parts.Count; i++)
        {
            var (part, at) = parts[i];
            var type = Type(part, path, at);
            var last = i == parts.Count - 1;
            if (type == "Split" && i == 0 && !last)
            {
                splitter = ReadSplit(part, path, at);
            }
            else if (type == "ByteLevel" && last)
            {
                var useRegex = Optional(part, "use_regex") is null || Flag(part, "use_regex", path, at);
                var prefixSpace = Flag(part, "add_prefix_space", path, at);
                if (splitter is null && !useRegex)
                {
                    throw Unsupported(path, $"{at}.use_regex", "false without a Split before it");
                }

                if (splitter is not null && (useRegex || prefixSpace))
                {
                    throw Unsupported(path, at, "with use_regex or add_prefix_space after a Split");
                }

                return (splitter ?? PieceSplitter.Gpt2, prefixSpace);
            }
            else
            {
                throw Unsupported(path, at, $"\"{type}\" here");
            }
        }

        throw Unsupported(path, place, "without ByteLevel at its end");
    }

    private static PieceSplitter ReadSplit(JsonElement split, string path, string place)
    {
        var pattern = Object(Required(split, "pattern", path, place), path, $"{place}.pattern");
        if (Optional(pattern, "Regex") is not { } regex)
        {
            throw Unsupported(path, $"{place}.pattern", pattern.GetRawText());
        }

        if (Text(Required(split, "behavior", path, place), path, $"{place}.behavior") is not "Isolated" and var behavior)
        {
            throw Unsupported(path, $"{place}.behavior", $"\"{behavior}\" (known: Isolated)");
        }

        if (Flag(split, "invert", path, place))
        {
            throw Unsupported(path, $"{place}.invert", "true");
        }

        var text = Text(regex, path, $"{place}.pattern.Regex");
        return PieceSplitter.Find(text) ?? throw Unsupported(path, $"{place}.pattern.Regex", $"\"{text}\" (known: those of GPT-2, Qwen2, Llama-3)");
    }

    private static (int[] Prefix, int[] Suffix) ReadPostProcessor(
        JsonElement? processor, Dictionary<string, int> vocabulary, List<AddedToken> added, string path)
    {
        const string place = "post_processor";
        if (processor is not { } element)
        {
            return ([], []);
        }

        var parts = Type(element, path, place) == "Sequence" ? [.. Parts(element, "processors", path, place)] : new List<(JsonElement Element, string Place)> { (element, place) };
        List<int> prefix = [], suffix = [];
        foreach (var (part, at) in parts)
        {
            switch (Type(part, path, at))
            {
                case "ByteLevel": // trims offsets, which are not kept here
                    break;
                case "TemplateProcessing":
                    ReadTemplate(part, vocabulary, added, path, at, prefix, suffix);
                    break;
                case var type:
                    throw Unsupported(path, at, $"\"{type}\" (known: ByteLevel, TemplateProcessing)");
            }
        }

        return ([.. prefix], [.. suffix]);
    }

    private static void ReadTemplate(
        JsonElement template, Dictionary<string, int> vocabulary, List<AddedToken> added, string path, string place, List<int> prefix, List<int> suffix)
    {
        var text = false;
        List<int> before = [], after = [];
        foreach (var (part, at) in Parts(template, "single", path, place))
        {
            if (Optional(part, "Sequence") is not null)
            {
                text = !text ? true : throw Unsupported(path, at, "with a second Sequence");
            }
            else if (Optional(part, "SpecialToken") is { } special)
            {
                var name = Text(Required(special, "id", path, at), path, $"{at}.SpecialToken.id");
                (text ? after : before).AddRange(TemplateIds(template, name, path, place));
            }
            else
            {
                throw Unsupported(path, at, part.GetRawText());
            }
        }

        if (!text)
        {
            throw Broken(path, $"{place}.single", "has no Sequence");
        }

        foreach (var id in before.Concat(after))
        {
            if (!vocabulary.ContainsValue(id) && added.All(t => t.Id != id))
            {
                throw Broken(path, $"{place}.special_tokens", $"names id {id}, which no token has");
            }
        }

        prefix.InsertRange(0, before);
        suffix.AddRange(after);
    }

    private static List<int> TemplateIds(JsonElement template, string name, string path, string place)
    {
        var all = Object(Required(template, "special_tokens", path, place), path, $"{place}.special_tokens");
        var at = $"{place}.special_tokens[\"{name}\"]";
        var entry = Object(Required(all, name, path, $"{place}.special_tokens"), path, at);
        return Parts(entry, "ids", path, at).Select(i => Id(i.Element, path, i.Place)).ToList();
    }

    private static void CheckDecoder(JsonElement? decoder, string path)
    {
        var type = decoder is { } element ? Type(element, path, "decoder") : "null";
        if (type != "ByteLevel")
        {
            throw Unsupported(path, "decoder", $"\"{type}\" (known: ByteLevel)");
        }
    }

    private static string Type(JsonElement element, string path, string place) =>
        Text(Required(Object(element, path, place), "type", path, place), path, $"{place}.type");

    private static IEnumerable<(JsonElement Element, string Place)> Parts(JsonElement element, string name, string path, string place)
    {
        var array = Required(element, name, path, place);
        return array.ValueKind == JsonValueKind.Array
            ? array.EnumerateArray().Select((e, i) => (e, $"{place}.{name}[{i}]"))
            : throw Broken(path, $"{place}.{name}", $"must be an array, not {Name(array.ValueKind)}");
    }

    public static JsonElement Object(JsonElement element, string path, string place) =>
        element.ValueKind == JsonValueKind.Object ? element : throw Broken(path, place, $"must be an object, not {Name(element.ValueKind)}");

    private static JsonElement Required(JsonElement element, string name, string path, string place) =>
        Object(element, path, place.Length > 0 ? place : "the document").TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : throw Broken(path, place.Length > 0 ? $"{place}.{name}" : name, "is missing");

    /// <summary>A member that may be absent or null.</summary>
    public static JsonElement? Optional(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool Flag(JsonElement element, string name, string path, string place) => Optional(element, name)?.ValueKind switch
    {
        null or JsonValueKind.False => false,
        JsonValueKind.True => true,
        var kind => throw Broken(path, $"{place}.{name}", $"must be true or false, not {Name(kind.Value)}"),
    };

    private static int Id(JsonElement element, string path, string place) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var id) && id >= 0
            ? id
            : throw Broken(path, place, $"must be an id (a whole number from 0), not {element.GetRawText()}");

    private static string Name(JsonValueKind kind) => kind.ToString().ToLower(CultureInfo.InvariantCulture);
}
