using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>
/// A byte-level BPE tokenizer as Hugging Face stores it, whose ids equal those of the Rust tokenizers: GPT-2, Qwen2/2.5/3 and Llama-3
/// families. Safe to use from several threads at once. Two deliberate differences: an unpaired surrogate is encoded as U+FFFD, and
/// clean_up_tokenization_spaces is never applied when decoding (it would change what was sampled).
/// </summary>
public sealed class HuggingFaceTokenizer : ITokenizer
{
    private const int CachedPieces = 1 << 16, CachedPieceLength = 64;

    private readonly byte[] tokenizerJson;
    private readonly byte[]? configJson;
    private readonly byte[]? chatTemplateFile;
    private readonly TokenizerFile file;
    private readonly BpeTokenizer merger;
    private readonly AddedTokenFinder rawTokens;
    private readonly AddedTokenFinder normalizedTokens;
    private readonly PieceEncoder encodePiece;
    private readonly byte[]?[] bytes; // by id; null where an id is not used
    private readonly Dictionary<string, int> ids;
    private readonly ConcurrentDictionary<string, int[]> cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> cacheLookup;
    private int cached;

    private HuggingFaceTokenizer(byte[] tokenizerJson, string path, byte[]? configJson, string configPath, byte[]? chatTemplateFile)
    {
        this.tokenizerJson = tokenizerJson;
        this.configJson = configJson;
        this.chatTemplateFile = chatTemplateFile;
        file = TokenizerFile.Parse(tokenizerJson, path);
        file.CheckIds(path);
        using var config = TokenizerFile.ParseJson(configJson ?? "{}"u8.ToArray(), configPath);
        var settings = TokenizerFile.Object(config.RootElement, configPath, "the document");
        AddTokensOfConfig(settings, configPath);
        file.CheckIds(configPath);

        rawTokens = new(file.AddedTokens.Where(t => !t.Normalized));
        normalizedTokens = new(file.AddedTokens.Where(t => t.Normalized).Select(t => t with { Content = Normalize(t.Content) }));
        merger = BpeTokenizer.Create(new BpeOptions(file.Vocabulary) { Merges = file.Merges, PreTokenizer = new WholePiece() });
        encodePiece = EncodePiece;
        cacheLookup = cache.GetAlternateLookup<ReadOnlySpan<char>>();

        ids = new(file.Vocabulary, StringComparer.Ordinal);
        foreach (var token in file.AddedTokens)
        {
            ids[token.Content] = token.Id;
        }

        VocabularySize = ids.Values.Max() + 1;
        bytes = new byte[]?[VocabularySize];
        foreach (var (token, id) in ids)
        {
            bytes[id] = ByteSymbols.BytesOf(token);
        }

        SpecialTokenIds = [.. file.AddedTokens.Where(t => t.Special).Select(t => t.Id)];
        BosTokenId = NamedToken(settings, "bos_token", configPath);
        EosTokenId = NamedToken(settings, "eos_token", configPath);
        PadTokenId = NamedToken(settings, "pad_token", configPath);
        if (EosTokenId is null && BosTokenId is null && IsGpt2(settings, configPath) && ids.TryGetValue("<|endoftext|>", out var endOfText))
        {
            (BosTokenId, EosTokenId) = (endOfText, endOfText); // what transformers' GPT2Tokenizer assumes; the published config is silent
        }

        ChatTemplate = chatTemplateFile is not null ? Encoding.UTF8.GetString(chatTemplateFile)
            : TokenizerFile.Optional(settings, "chat_template") is not { } template ? null
            : template.ValueKind == JsonValueKind.String ? TokenizerFile.Text(template, configPath, "chat_template") : DefaultTemplate(template, configPath);
    }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int? BosTokenId { get; }

    /// <inheritdoc/>
    public int? EosTokenId { get; }

    /// <inheritdoc/>
    public int? PadTokenId { get; }

    /// <summary>Ids that <see cref="Decode"/> leaves out on request.</summary>
    public ImmutableHashSet<int> SpecialTokenIds { get; }

    /// <summary>The Jinja chat template of chat_template.jinja, else of tokenizer_config.json, where there is one; of several named ones "default".</summary>
    public string? ChatTemplate { get; }

    /// <summary>
    /// Reads tokenizer.json (or GPT-2's vocab.json and merges.txt) and, where present, tokenizer_config.json, special_tokens_map.json and
    /// chat_template.jinja.
    /// </summary>
    /// <param name="folder">A model folder in Hugging Face's layout.</param>
    /// <exception cref="FileNotFoundException">The folder has neither tokenizer.json nor vocab.json with merges.txt.</exception>
    /// <exception cref="InvalidDataException">A file is broken; the message names file and place.</exception>
    /// <exception cref="NotSupportedException">The tokenizer is of another kind; the message names the element and what is supported.</exception>
    public static HuggingFaceTokenizer FromPretrained(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var path = Path.Combine(folder, "tokenizer.json");
        var configPath = Path.Combine(folder, "tokenizer_config.json");
        var templatePath = Path.Combine(folder, "chat_template.jinja");
        var config = ReadIfPresent(configPath) ?? ReadIfPresent(configPath = Path.Combine(folder, "special_tokens_map.json"));
        byte[] json;
        if (File.Exists(path))
        {
            json = File.ReadAllBytes(path);
        }
        else if (File.Exists(Path.Combine(folder, "vocab.json")) && File.Exists(Path.Combine(folder, "merges.txt")))
        {
            json = Gpt2TokenizerFile.FromVocabAndMerges(folder, CheckGpt2(config, configPath));
            path = Path.Combine(folder, "vocab.json") + " with merges.txt";
            config ??= """{ "tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>" }"""u8.ToArray();
        }
        else
        {
            throw new FileNotFoundException($"{folder} has neither tokenizer.json nor vocab.json with merges.txt.", path);
        }

        return new(json, path, config, configPath, ReadIfPresent(templatePath));
    }

    /// <summary>
    /// A tokenizer for models trained from scratch: one token per UTF-8 byte (ids 0 to 255), then the special tokens from 256 in the order
    /// given. Text comes out one token per byte; special tokens written in it are one token each.
    /// </summary>
    /// <param name="endOfSequence">Id 256.</param>
    /// <param name="padding">Id 257, or the end-of-sequence token again.</param>
    /// <param name="otherSpecialTokens">Such as the marks of a chat template.</param>
    /// <exception cref="ArgumentException">A special token is empty, given twice, or a single character of the byte alphabet.</exception>
    public static HuggingFaceTokenizer Bytes(
        string endOfSequence = "<|end|>", string padding = "<|pad|>", params ReadOnlySpan<string> otherSpecialTokens)
    {
        var vocabulary = Enumerable.Range(0, 256).ToDictionary(b => ByteSymbols.Of((byte)b).ToString(), b => b);
        List<string> special = padding == endOfSequence ? [endOfSequence] : [endOfSequence, padding];
        special.AddRange(otherSpecialTokens);
        for (var i = 0; i < special.Count; i++)
        {
            ArgumentException.ThrowIfNullOrEmpty(special[i], nameof(otherSpecialTokens));
            if (vocabulary.ContainsKey(special[i]) || special.IndexOf(special[i]) != i)
            {
                throw new ArgumentException($"Special token \"{special[i]}\" is given twice or is a symbol of the byte alphabet.", nameof(otherSpecialTokens));
            }
        }

        var added = special.Select((s, i) => new AddedToken(256 + i, s, false, false, false, Normalized: false, Special: true));
        var config = JsonSerializer.SerializeToUtf8Bytes(
            new Dictionary<string, object>
            {
                ["tokenizer_class"] = "PreTrainedTokenizerFast",
                ["eos_token"] = endOfSequence,
                ["pad_token"] = padding,
                ["clean_up_tokenization_spaces"] = false,
            },
            JsonSerializerOptions.Web);
        return new(Gpt2TokenizerFile.Write(vocabulary, [], added), "tokenizer.json", config, "tokenizer_config.json", null);
    }

    /// <summary>Writes tokenizer.json and tokenizer_config.json (and chat_template.jinja where there was one): the bytes that were read.</summary>
    /// <param name="folder">Made if absent; files of these names in it are replaced.</param>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "tokenizer.json"), tokenizerJson);
        foreach (var (name, content) in new[] { ("tokenizer_config.json", configJson), ("chat_template.jinja", chatTemplateFile) })
        {
            if (content is not null)
            {
                File.WriteAllBytes(Path.Combine(folder, name), content);
            }
        }
    }

    /// <summary>The id of a token as the vocabulary spells it (<c>Ġhello</c>, <c>&lt;|im_end|&gt;</c>); null where there is none.</summary>
    /// <param name="token">A vocabulary entry or added token.</param>
    public int? TokenToId(string token) => ids.TryGetValue(token, out var id) ? id : null;

    /// <inheritdoc/>
    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        var result = new List<int>((text.Length / 3) + 4);
        if (addSpecialTokens)
        {
            result.AddRange(file.Prefix);
        }

        rawTokens.Split(text, (range, token) =>
        {
            if (token is not null)
            {
                result.Add(token.Id);
            }
            else
            {
                var normalized = Normalize(text[range]);
                normalizedTokens.Split(normalized, (inner, innerToken) =>
                {
                    if (innerToken is not null)
                    {
                        result.Add(innerToken.Id);
                    }
                    else
                    {
                        EncodeStretch(normalized.AsSpan(inner), result);
                    }
                });
            }
        });

        if (addSpecialTokens)
        {
            result.AddRange(file.Suffix);
        }

        return [.. result];
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        var length = 0;
        foreach (var id in ids)
        {
            length += BytesOf(id, skipSpecialTokens).Length;
        }

        var buffer = new byte[length];
        var at = 0;
        foreach (var id in ids)
        {
            var piece = BytesOf(id, skipSpecialTokens);
            piece.CopyTo(buffer, at);
            at += piece.Length;
        }

        return Encoding.UTF8.GetString(buffer);
    }

    /// <inheritdoc/>
    public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) =>
        new ByteStreamingDecoder(id => BytesOf(id, skipSpecialTokens));

    /// <summary>Of a list of {"name", "template"} the one named "default".</summary>
    private static string? DefaultTemplate(JsonElement templates, string path) => templates.ValueKind != JsonValueKind.Array ? null : templates.EnumerateArray()
        .Where(t => t.ValueKind == JsonValueKind.Object && t.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String && TokenizerFile.Text(name, path, "chat_template") == "default")
        .Select(t => t.TryGetProperty("template", out var text) && text.ValueKind == JsonValueKind.String ? TokenizerFile.Text(text, path, "chat_template") : null).FirstOrDefault();

    private byte[] BytesOf(int id, bool skipSpecialTokens)
    {
        if ((uint)id >= (uint)bytes.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(id), id, $"Token id {id} is outside the vocabulary [0, {bytes.Length}).");
        }

        return skipSpecialTokens && SpecialTokenIds.Contains(id) ? [] : bytes[id] ?? [];
    }

    private string Normalize(string text) => file.ComposeText ? CanonicalComposition.Compose(text) : text;

    private void EncodeStretch(ReadOnlySpan<char> text, List<int> result)
    {
        if (file.AddPrefixSpace && text[0] != ' ')
        {
            text = $" {text}";
        }

        file.Splitter.Split(text, result, encodePiece);
    }

    private void EncodePiece(ReadOnlySpan<char> piece, List<int> result)
    {
        if (!cacheLookup.TryGetValue(piece, out var found))
        {
            var symbols = ByteSymbols.FromText(piece);
            found = file.IgnoreMerges && file.Vocabulary.TryGetValue(symbols, out var whole) ? [whole] : [.. merger.EncodeToIds(symbols)];
            if (piece.Length <= CachedPieceLength && cached < CachedPieces && cache.TryAdd(piece.ToString(), found))
            {
                Interlocked.Increment(ref cached);
            }
        }

        result.AddRange(found.AsSpan());
    }

    /// <summary>Added tokens that only tokenizer_config.json lists.</summary>
    private void AddTokensOfConfig(JsonElement settings, string path)
    {
        if (TokenizerFile.Optional(settings, "added_tokens_decoder") is not { } decoder)
        {
            return;
        }

        foreach (var entry in TokenizerFile.Object(decoder, path, "added_tokens_decoder").EnumerateObject())
        {
            var place = $"added_tokens_decoder[\"{entry.Name}\"]";
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                throw TokenizerFile.Broken(path, place, "is not an id");
            }

            var token = TokenizerFile.ReadAddedToken(entry.Value, id, path, place);
            if (file.AddedTokens.FirstOrDefault(t => t.Id == id || t.Content == token.Content) is not { } known)
            {
                var used = file.Vocabulary.FirstOrDefault(v => v.Value == id || v.Key == token.Content);
                if (used.Key is not null && (used.Value != id || used.Key != token.Content))
                {
                    throw TokenizerFile.Broken(path, place, $"is \"{token.Content}\", but tokenizer.json has \"{used.Key}\" as {used.Value}");
                }

                file.AddedTokens.Add(token);
            }
            else if (known.Id != id || known.Content != token.Content)
            {
                throw TokenizerFile.Broken(path, place, $"is \"{token.Content}\", but tokenizer.json has \"{known.Content}\" as {known.Id}");
            }
        }
    }

    private bool IsGpt2(JsonElement settings, string path) =>
        ReferenceEquals(file.Splitter, PieceSplitter.Gpt2)
        && (TokenizerFile.Optional(settings, "tokenizer_class") is not { ValueKind: JsonValueKind.String } name
            || TokenizerFile.Text(name, path, "tokenizer_class").StartsWith("GPT2Tokenizer", StringComparison.Ordinal));

    private int? NamedToken(JsonElement settings, string name, string path)
    {
        if (TokenizerFile.Optional(settings, name) is not { } element)
        {
            return null;
        }

        var content = NameOf(element, path, name);
        return ids.TryGetValue(content, out var id) ? id
            : throw TokenizerFile.Broken(path, name, $"is \"{content}\", which the tokenizer does not have");
    }

    /// <summary>A token name: a string, or an object with its content.</summary>
    private static string NameOf(JsonElement element, string path, string place) =>
        TokenizerFile.Text(TokenizerFile.Optional(element, "content") ?? element, path, place);

    /// <summary>Refuses vocab.json and merges.txt of another family; returns its special tokens.</summary>
    private static HashSet<string> CheckGpt2(byte[]? config, string path)
    {
        var special = new HashSet<string>(StringComparer.Ordinal) { "<|endoftext|>" };
        if (config is null)
        {
            return special;
        }

        using var document = TokenizerFile.ParseJson(config, path);
        var settings = TokenizerFile.Object(document.RootElement, path, "the document");
        if (TokenizerFile.Optional(settings, "tokenizer_class") is { } element
            && TokenizerFile.Text(element, path, "tokenizer_class") is not ("GPT2Tokenizer" or "GPT2TokenizerFast") and var name)
        {
            throw new NotSupportedException(
                $"{path}: tokenizer_class \"{name}\" from vocab.json and merges.txt is not supported. Supported is GPT2Tokenizer; others need tokenizer.json.");
        }

        foreach (var token in new[] { "bos_token", "eos_token", "unk_token", "pad_token" })
        {
            if (TokenizerFile.Optional(settings, token) is { } value)
            {
                special.Add(NameOf(value, path, token));
            }
        }

        return special;
    }

    private static byte[]? ReadIfPresent(string path) => File.Exists(path) ? File.ReadAllBytes(path) : null;

    /// <summary>Pieces arrive split; without this, <see cref="BpeTokenizer"/> splits them again at word boundaries.</summary>
    private sealed class WholePiece : PreTokenizer
    {
        public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => [(0, text.Length)];

        public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text) => [(0, text.Length)];
    }
}
