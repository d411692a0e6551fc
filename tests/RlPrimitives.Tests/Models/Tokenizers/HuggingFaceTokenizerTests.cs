using System.Text;
using System.Text.Json;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests.Models.Tokenizers;

public sealed class HuggingFaceTokenizerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("tokenizer").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("tiny_gpt2", 54, 58)]
    [InlineData("tiny_qwen2", 50, 56)]
    [InlineData("tiny_llama3", 59, 56)]
    public void Ids_and_texts_equal_those_of_the_rust_tokenizers(string name, int texts, int decoded) => Assert.Equal(
        (texts, decoded),
        Compare(HuggingFaceTokenizer.FromPretrained(Fixtures.Path($"tokenizers/{name}")), Fixtures.Path($"tokenizers/{name}")));

    [SkippableFact]
    public void Gpt2_from_vocab_and_merges_equals_the_published_tokenizer_and_survives_saving()
    {
        var source = Fixtures.Shared("tokenizers/gpt2_real");
        Skip.If(source is null, "shared/fixtures/tokenizers/gpt2_real (third-party files, not shipped) is not beside the repository.");
        var tokenizer = HuggingFaceTokenizer.FromPretrained(source);
        Assert.Equal((50257, 50256, 50256), (tokenizer.VocabularySize, tokenizer.BosTokenId!.Value, tokenizer.EosTokenId!.Value));
        Compare(tokenizer, source);
        tokenizer.Save(folder);
        Compare(HuggingFaceTokenizer.FromPretrained(folder), source);
    }

    [Theory]
    [InlineData("tiny_gpt2")]
    [InlineData("tiny_qwen2")]
    [InlineData("tiny_llama3")]
    public void Streamed_pieces_add_up_to_the_decoded_text_and_never_split_a_character(string name)
    {
        var tokenizer = HuggingFaceTokenizer.FromPretrained(Fixtures.Path($"tokenizers/{name}"));
        var expected = Fixtures.Json($"tokenizers/{name}/encodings.json");
        var sequences = expected.GetProperty("encodings").EnumerateArray().Select(e => Ids(e, "ids_with_special_tokens"))
            .Concat(expected.GetProperty("decode_cases").EnumerateArray().Select(e => Ids(e, "ids")));
        var random = new Random(1);
        sequences = sequences.Concat(Enumerable.Range(0, 500).Select(_ =>
            Enumerable.Range(0, 20).Select(_ => random.Next(random.Next(2) == 0 ? 256 : tokenizer.VocabularySize)).ToArray()));
        foreach (var ids in sequences)
        {
            foreach (var skip in new[] { true, false })
            {
                var decoder = tokenizer.CreateStreamingDecoder(skip);
                var pieces = ids.Select(decoder.Append).ToList();
                pieces.Add(decoder.Finish());
                Assert.Equal(tokenizer.Decode(ids, skip), string.Concat(pieces));
                Assert.All(pieces, p => Assert.Equal(p, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(p))));
                for (var cut = 0; cut <= ids.Length; cut++)
                {
                    var soFar = string.Concat(pieces.Take(cut));
                    Assert.StartsWith(soFar, tokenizer.Decode(ids.AsSpan(0, cut), skip), StringComparison.Ordinal);
                }
            }
        }
    }

    [Fact]
    public void An_unfinished_character_waits_for_its_last_byte()
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var decoder = tokenizer.CreateStreamingDecoder();
        Assert.Equal(["", "", "", "😀", "!", ""], Encoding.UTF8.GetBytes("😀!é")[..6].Select(b => decoder.Append(b)));
        Assert.Equal("\uFFFD", decoder.Finish());
        Assert.Equal("", decoder.Finish());
    }

    [Fact]
    public void Special_tokens_are_named_by_the_configuration()
    {
        var qwen = HuggingFaceTokenizer.FromPretrained(Fixtures.Path("tokenizers/tiny_qwen2"));
        Assert.Equal((null, 902, 900, 905), (qwen.BosTokenId, qwen.EosTokenId, qwen.PadTokenId, qwen.VocabularySize));
        Assert.Equal([900, 901, 902], qwen.SpecialTokenIds.Order());
        Assert.StartsWith("{%- for m in messages %}", qwen.ChatTemplate, StringComparison.Ordinal);
        Assert.Equal("a<think>", qwen.Decode(qwen.Encode("a<think><|im_end|>")));
        Assert.Equal("a<think><|im_end|>", qwen.Decode(qwen.Encode("a<think><|im_end|>"), skipSpecialTokens: false));
        var llama = HuggingFaceTokenizer.FromPretrained(Fixtures.Path("tokenizers/tiny_llama3"));
        Assert.Equal((903, 907, null), (llama.BosTokenId, llama.EosTokenId, llama.PadTokenId));
        Assert.Equal(llama.Encode("x").Prepend(903), llama.Encode("x", addSpecialTokens: true));
        Assert.Equal(903, llama.TokenToId("<|begin_of_text|>"));
        Assert.Null(llama.TokenToId("<|begin|>"));
    }

    [Fact]
    public void Configurations_of_newer_and_older_transformers_name_the_same_tokens()
    {
        foreach (var name in new[] { "tiny_gpt2", "tiny_qwen2", "tiny_llama3" })
        {
            File.Copy(Fixtures.Path($"tokenizers/{name}/tokenizer.json"), Path.Combine(folder, "tokenizer.json"), overwrite: true);
            File.Copy(Fixtures.Path($"tokenizers/{name}/tokenizer_config.v5.json"), Path.Combine(folder, "tokenizer_config.json"), overwrite: true);
            var newer = HuggingFaceTokenizer.FromPretrained(folder);
            var older = HuggingFaceTokenizer.FromPretrained(Fixtures.Path($"tokenizers/{name}"));
            Assert.Equal((older.BosTokenId, older.EosTokenId, older.PadTokenId), (newer.BosTokenId, newer.EosTokenId, newer.PadTokenId));
        }
    }

    [Fact]
    public void Saving_writes_the_files_that_were_read()
    {
        var source = Fixtures.Path("tokenizers/tiny_qwen2");
        HuggingFaceTokenizer.FromPretrained(source).Save(Path.Combine(folder, "new"));
        foreach (var name in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(Path.Combine(source, name)), File.ReadAllBytes(Path.Combine(folder, "new", name)));
        }
    }

    [Fact]
    public void A_byte_tokenizer_has_one_id_per_byte_and_survives_saving()
    {
        const string text = "Hi 😀\0é\n<|user|>12<|end|>";
        var made = HuggingFaceTokenizer.Bytes("<|end|>", "<|pad|>", "<|user|>", "<think>");
        made.Save(folder);
        foreach (var tokenizer in new[] { made, HuggingFaceTokenizer.FromPretrained(folder) })
        {
            Assert.Equal((null, 256, 257, 260), (tokenizer.BosTokenId, tokenizer.EosTokenId, tokenizer.PadTokenId, tokenizer.VocabularySize));
            int[] expected = [.. Encoding.UTF8.GetBytes("Hi 😀\0é\n").Select(b => (int)b), 258, '1', '2', 256];
            Assert.Equal(expected, tokenizer.Encode(text));
            Assert.Equal(expected, tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(text, tokenizer.Decode(expected, skipSpecialTokens: false));
            Assert.Equal("Hi 😀\0é\n12", tokenizer.Decode(expected));
        }

        Assert.Equal(257, HuggingFaceTokenizer.Bytes("<e>", "<e>").VocabularySize);
        Assert.Throws<ArgumentException>(() => HuggingFaceTokenizer.Bytes("<e>", "<p>", "<p>"));
        Assert.Throws<ArgumentException>(() => HuggingFaceTokenizer.Bytes("a"));
        Assert.Throws<ArgumentException>(() => HuggingFaceTokenizer.Bytes(""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0")]
    [InlineData("😀👍🏽 e\u0301 한국어")]
    [InlineData("  \n\n \t x")]
    [InlineData("𝔘𝔫𝔦 𝟏𝟐𝟑 😀abc")]
    public void Text_returns_from_its_ids(string text)
    {
        foreach (var name in new[] { "tiny_gpt2", "tiny_qwen2", "tiny_llama3" })
        {
            var tokenizer = HuggingFaceTokenizer.FromPretrained(Fixtures.Path($"tokenizers/{name}"));
            var expected = name == "tiny_qwen2" ? text.Replace("e\u0301", "\u00E9", StringComparison.Ordinal) : text;
            Assert.Equal(expected, tokenizer.Decode(tokenizer.Encode(text)));
        }
    }

    [Fact]
    public void An_unpaired_surrogate_becomes_the_replacement_character()
    {
        foreach (var name in new[] { "tiny_gpt2", "tiny_qwen2", "tiny_llama3" })
        {
            var tokenizer = HuggingFaceTokenizer.FromPretrained(Fixtures.Path($"tokenizers/{name}"));
            Assert.Equal("a\uFFFDb\uFFFD", tokenizer.Decode(tokenizer.Encode("a\uD800b\uDC00")));
        }
    }

    [Fact]
    public void Ids_outside_the_vocabulary_are_refused()
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([258]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.CreateStreamingDecoder().Append(258));
    }

    [Fact]
    public void Several_threads_get_the_same_ids()
    {
        var tokenizer = HuggingFaceTokenizer.FromPretrained(Fixtures.Path("tokenizers/tiny_llama3"));
        var fresh = HuggingFaceTokenizer.FromPretrained(Fixtures.Path("tokenizers/tiny_llama3"));
        var texts = Enumerable.Range(0, 500).Select(i => $"word{i % 7} number {i} 😀 end{i}").ToArray();
        var expected = texts.Select(t => tokenizer.Encode(t)).ToArray();
        Parallel.For(0, texts.Length, i => Assert.Equal(expected[i], fresh.Encode(texts[i])));
    }

    [Fact]
    public void A_long_word_without_spaces_is_merged_whole()
    {
        var tokenizer = HuggingFaceTokenizer.FromPretrained(Fixtures.Path("tokenizers/tiny_gpt2"));
        var ids = tokenizer.Encode(string.Concat(Enumerable.Repeat("ab", 5_000)));
        Assert.Equal(Enumerable.Repeat(tokenizer.TokenToId("ab")!.Value, 5_000), ids);
    }

    [Fact]
    public void Added_tokens_take_the_longest_and_honour_their_flags()
    {
        var tokenizer = WithAddedTokens(
            """{"id":700,"content":"<a>"},{"id":701,"content":"<a><b>"},{"id":702,"content":"<l>","lstrip":true},"""
            + """{"id":703,"content":"<r>","rstrip":true},{"id":704,"content":"word","single_word":true}""");
        int[] Ids(string text) => tokenizer.Encode(text);
        var space = Ids(" ");
        var x = Ids("x");
        Assert.Equal([701, 700], Ids("<a><b><a>"));
        Assert.Equal([.. x, 702, .. space, .. x], Ids("x \n<l> x"));
        Assert.Equal([.. x, .. space, 703, .. x], Ids("x <r> \n x"));
        Assert.Equal([703, 702], Ids("<r>  <l>"));
        Assert.Equal([704, .. space, 704], Ids("word word"));
        Assert.DoesNotContain(704, Ids("words sword _word wordé"));
        Assert.Contains(704, Ids("-word-"));
        var ranked = WithAddedTokens("""{"id":700,"content":"<a>"},{"id":701,"content":"<a><b>","normalized":true}""");
        Assert.Equal(700, ranked.Encode("<a><b>")[0]); // raw before normalised, even where shorter
    }

    [Fact]
    public void Normalised_added_tokens_are_found_in_the_normalised_text()
    {
        var tokenizer = WithAddedTokens(
            "{\"id\":900,\"content\":\"caf\u00e9\",\"normalized\":true},{\"id\":901,\"content\":\"th\u00e9\",\"normalized\":false}", "tiny_qwen2");
        Assert.Equal([900], tokenizer.Encode("cafe\u0301"));
        Assert.Equal([900], tokenizer.Encode("caf\u00e9"));
        Assert.Equal([901], tokenizer.Encode("th\u00e9"));
        Assert.DoesNotContain(901, tokenizer.Encode("the\u0301"));
    }

    [Theory] // what to change in tiny_gpt2's tokenizer.json, and what the message must name
    [InlineData("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model.type", "Unigram")]
    [InlineData("\"byte_fallback\": false", "\"byte_fallback\": true", "model.byte_fallback", "GPT-2")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}", "normalizer", "Lowercase")]
    [InlineData("\"pre_tokenizer\": {\"type\": \"ByteLevel\"", "\"pre_tokenizer\": {\"type\": \"Metaspace\"", "pre_tokenizer", "Metaspace")]
    [InlineData("\"post_processor\": {\"type\": \"ByteLevel\"", "\"post_processor\": {\"type\": \"BertProcessing\"", "post_processor", "BertProcessing")]
    [InlineData("\"decoder\": {\"type\": \"ByteLevel\"", "\"decoder\": {\"type\": \"WordPiece\"", "decoder", "WordPiece")]
    [InlineData("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"", "model.end_of_word_suffix", "</w>")]
    public void Other_kinds_of_tokenizer_are_refused_by_name(string from, string to, string place, string named)
    {
        WriteChanged(from, to);
        var error = Assert.Throws<NotSupportedException>(() => HuggingFaceTokenizer.FromPretrained(folder));
        Assert.Contains(Path.Combine(folder, "tokenizer.json"), error.Message, StringComparison.Ordinal);
        Assert.Contains(place, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains("Supported are", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"version\"", "version", "not valid JSON")]
    [InlineData("\"vocab\":", "\"words\":", "model.vocab is missing")]
    [InlineData("\"merges\":", "\"joins\":", "model.merges is missing")]
    [InlineData("\"merges\": [", "\"merges\": [[\"q\", \"zz\"], ", "model.merges[0] (\"q\" + \"zz\") needs \"zz\"")]
    [InlineData("\"merges\": [", "\"merges\": [\"q\", ", "model.merges[0] must be two pieces")]
    [InlineData("\"merges\": [", "\"merges\": [7, ", "model.merges[0] must be a string")]
    [InlineData("\"#\": 2", "\"#\": 1", "which \"\\\"\" has too")]
    [InlineData("\"#\": 2", "\"#\": -2", "must be an id")]
    [InlineData("\"#\": 2", "\"#q#\": 2", "has no symbol '#' for byte 35")]
    [InlineData("\"#\": 2", "\"\\ud800\": 2", "unpaired surrogate")]
    [InlineData("\"content\": \"<|endoftext|>\"", "\"content\": \"\\ud800\"", "added_tokens[0].content holds an unpaired surrogate")]
    [InlineData("\"id\": 700", "\"id\": 5", "which \"&\" has already")]
    [InlineData("\"id\": 700", "\"id\": \"5\"", "added_tokens[0].id must be an id")]
    [InlineData("\"#\": 2", "\"#\": 2147483647", "\"#\" has id 2147483647, but there are only 701 tokens")]
    [InlineData("\"id\": 700", "\"id\": 100000", "\"<|endoftext|>\" has id 100000, but there are only 701 tokens")]
    [InlineData("\"special\": true", "\"special\": 1", "added_tokens[0].special must be true or false")]
    public void Broken_files_are_refused_with_the_place(string from, string to, string message)
    {
        WriteChanged(from, to);
        var error = Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder));
        Assert.Contains(Path.Combine(folder, "tokenizer.json"), error.Message, StringComparison.Ordinal);
        Assert.Contains(message.Replace("\\\"", "\"", StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void The_sentencepiece_family_is_refused()
    {
        var source = Fixtures.Shared("tokenizers/tiny_llama2");
        Skip.If(source is null, "shared/fixtures/tokenizers/tiny_llama2 is not beside the repository.");
        var error = Assert.Throws<NotSupportedException>(() => HuggingFaceTokenizer.FromPretrained(source));
        Assert.Contains("byte_fallback", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_split_pattern_is_refused()
    {
        var json = File.ReadAllText(Fixtures.Path("tokenizers/tiny_qwen2/tokenizer.json"));
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json.Replace(@"|\\p{N}|", @"|\\p{N}{1,2}|", StringComparison.Ordinal));
        var error = Assert.Throws<NotSupportedException>(() => HuggingFaceTokenizer.FromPretrained(folder));
        Assert.Contains("pre_tokenizer.pretokenizers[0].pattern.Regex", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_that_contradicts_the_tokenizer_is_refused()
    {
        File.Copy(Fixtures.Path("tokenizers/tiny_gpt2/tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        void Config(string json) => File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), json);
        Config("""{"eos_token": "</s>"}""");
        Assert.Contains("eos_token is \"</s>\"", Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder)).Message, StringComparison.Ordinal);
        Config("""{"added_tokens_decoder": {"3": {"content": "<x>"}}}""");
        Assert.Contains("added_tokens_decoder[\"3\"]", Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder)).Message, StringComparison.Ordinal);
        Config("""{"added_tokens_decoder": {"2147483647": {"content": "<x>"}}}""");
        Assert.Contains("tokenizer_config.json: \"<x>\" has id 2147483647", Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder)).Message, StringComparison.Ordinal);
        Config("[]");
        Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder));
        Config("""{"pad_token": {"content": "<x>"}, "added_tokens_decoder": {"701": {"content": "<x>", "special": true}}}""");
        var tokenizer = HuggingFaceTokenizer.FromPretrained(folder);
        Assert.Equal((700, 701), (tokenizer.EosTokenId!.Value, tokenizer.PadTokenId!.Value));
        Assert.Equal([701], tokenizer.Encode("<x>"));
    }

    [Fact]
    public void A_folder_without_a_tokenizer_is_refused()
    {
        var error = Assert.Throws<FileNotFoundException>(() => HuggingFaceTokenizer.FromPretrained(folder));
        Assert.Contains("neither tokenizer.json nor vocab.json", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"a\u00b6\": 1}", "not UTF-8")]
    [InlineData("{\"\\ud800\": 1}", "the name of a member holds an unpaired surrogate")]
    [InlineData("{\"tokenizer_class\": \"\\ud800\"}", "tokenizer_class")]
    [InlineData("{\"chat_template\": [{\"name\": \"\\ud800\", \"template\": \"x\"}]}", "chat_template")]
    [InlineData("{\"added_tokens_decoder\": {\"1\\udfff\": {\"content\": \"x\"}}}", "unpaired surrogate")]
    public void A_configuration_whose_texts_are_no_text_is_refused_with_its_name(string config, string says)
    {
        using var folder = new TemporaryFolder();
        File.Copy(Fixtures.Path("tokenizers/tiny_gpt2/tokenizer.json"), folder.In("tokenizer.json"));
        folder.Write("tokenizer_config.json", System.Text.Encoding.Latin1.GetBytes(config));
        var message = Assert.Throws<InvalidDataException>(() => HuggingFaceTokenizer.FromPretrained(folder.Path)).Message;
        Assert.Contains(folder.In("tokenizer_config.json"), message, StringComparison.Ordinal);
        Assert.Contains(says, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merges_as_strings_and_as_pairs_are_the_same()
    {
        var json = File.ReadAllText(Fixtures.Path("tokenizers/tiny_gpt2/tokenizer.json"));
        var strings = System.Text.RegularExpressions.Regex.Replace(json, "\\[(\"(?:[^\"\\\\]|\\\\.)+)\", \"((?:[^\"\\\\]|\\\\.)+\")\\]", "$1 $2");
        Assert.NotEqual(json, strings);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), strings);
        Compare(HuggingFaceTokenizer.FromPretrained(folder), Fixtures.Path("tokenizers/tiny_gpt2"));
    }

    private static (int Texts, int Decoded) Compare(HuggingFaceTokenizer tokenizer, string fixture)
    {
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(fixture, "encodings.json")));
        var (texts, decoded) = (0, 0);
        foreach (var e in expected.RootElement.GetProperty("encodings").EnumerateArray())
        {
            var text = e.GetProperty("text").GetString()!;
            var ids = Ids(e, "ids");
            Assert.Equal((text, string.Join(' ', ids)), (text, string.Join(' ', tokenizer.Encode(text))));
            Assert.Equal(Ids(e, "ids_with_special_tokens"), tokenizer.Encode(text, addSpecialTokens: true));
            Assert.Equal(e.GetProperty("decoded").GetString(), tokenizer.Decode(ids, skipSpecialTokens: false));
            Assert.Equal(e.GetProperty("decoded_with_special_skipped").GetString(), tokenizer.Decode(ids));
            texts++;
        }

        foreach (var e in expected.RootElement.GetProperty("decode_cases").EnumerateArray())
        {
            Assert.Equal(e.GetProperty("decoded").GetString(), tokenizer.Decode(Ids(e, "ids"), skipSpecialTokens: false));
            Assert.Equal(e.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(Ids(e, "ids")));
            decoded++;
        }

        return (texts, decoded);
    }

    private static int[] Ids(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(i => i.GetInt32())];

    private void WriteChanged(string from, string to)
    {
        var json = File.ReadAllText(Fixtures.Path("tokenizers/tiny_gpt2/tokenizer.json"));
        var at = json.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"tiny_gpt2 has no {from}");
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), json[..at] + to + json[(at + from.Length)..]);
    }

    private HuggingFaceTokenizer WithAddedTokens(string tokens, string name = "tiny_gpt2")
    {
        var json = File.ReadAllText(Fixtures.Path($"tokenizers/{name}/tokenizer.json"));
        var start = json.IndexOf("\"added_tokens\": [", StringComparison.Ordinal);
        var end = json.IndexOf(']', start);
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), $"{json[..start]}\"added_tokens\": [{tokens}{json[end..]}");
        return HuggingFaceTokenizer.FromPretrained(folder);
    }
}
