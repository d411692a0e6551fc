using System.Text;
using System.Text.Json;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>Makes a <c>tokenizer.json</c> of GPT-2's structure: byte-level pre-tokenizer and decoder, no normalizer.</summary>
internal static class Gpt2TokenizerFile
{
    /// <summary>A tokenizer.json of GPT-2's structure.</summary>
    public static byte[] Write(IEnumerable<KeyValuePair<string, int>> vocabulary, IEnumerable<string> merges, IEnumerable<AddedToken> added)
    {
        using var stream = new MemoryStream();
        // Readable symbols instead of \u escapes; the file is never pasted into HTML.
        var options = new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using (var writer = new Utf8JsonWriter(stream, options))
        {
            writer.WriteStartObject();
            writer.WriteString("version", "1.0");
            writer.WriteNull("truncation");
            writer.WriteNull("padding");
            writer.WriteStartArray("added_tokens");
            foreach (var token in added)
            {
                writer.WriteStartObject();
                writer.WriteNumber("id", token.Id);
                writer.WriteString("content", token.Content);
                writer.WriteBoolean("single_word", token.SingleWord);
                writer.WriteBoolean("lstrip", token.LeftStrip);
                writer.WriteBoolean("rstrip", token.RightStrip);
                writer.WriteBoolean("normalized", token.Normalized);
                writer.WriteBoolean("special", token.Special);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
            writer.WriteNull("normalizer");
            foreach (var name in new[] { "pre_tokenizer", "post_processor", "decoder" })
            {
                writer.WriteStartObject(name);
                writer.WriteString("type", "ByteLevel");
                writer.WriteBoolean("add_prefix_space", false);
                writer.WriteBoolean("trim_offsets", false);
                writer.WriteBoolean("use_regex", true);
                writer.WriteEndObject();
            }

            writer.WriteStartObject("model");
            writer.WriteString("type", "BPE");
            foreach (var name in new[] { "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
            {
                writer.WriteNull(name);
            }

            foreach (var name in new[] { "fuse_unk", "byte_fallback", "ignore_merges" })
            {
                writer.WriteBoolean(name, false);
            }

            writer.WriteStartObject("vocab");
            foreach (var (token, id) in vocabulary.OrderBy(v => v.Value))
            {
                writer.WriteNumber(token, id);
            }

            writer.WriteEndObject();
            writer.WriteStartArray("merges");
            foreach (var merge in merges)
            {
                writer.WriteStringValue(merge);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return stream.ToArray();
    }

    /// <summary>A tokenizer.json made of GPT-2's older pair of files.</summary>
    public static byte[] FromVocabAndMerges(string folder, IReadOnlyCollection<string> specialTokens)
    {
        var vocabPath = Path.Combine(folder, "vocab.json");
        var mergesPath = Path.Combine(folder, "merges.txt");
        using var document = TokenizerFile.ParseJson(File.ReadAllBytes(vocabPath), vocabPath);
        var vocabulary = TokenizerFile.ReadVocabulary(TokenizerFile.Object(document.RootElement, vocabPath, "the document"), vocabPath);
        var merges = File.ReadLines(mergesPath, Encoding.UTF8)
            .Where((line, i) => line.Length > 0 && !(i == 0 && line.StartsWith("#version", StringComparison.Ordinal)));
        var added = vocabulary.Where(v => specialTokens.Contains(v.Key)).OrderBy(v => v.Value)
            .Select(v => new AddedToken(v.Value, v.Key, false, false, false, Normalized: false, Special: true));
        return Write(vocabulary, merges, added);
    }
}
