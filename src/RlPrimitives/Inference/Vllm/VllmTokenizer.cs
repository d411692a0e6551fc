using System.Collections.Concurrent;
using RlPrimitives.Inference.Wire;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>
/// A server's own tokenizer, asked over HTTP: for when its files are not at hand. Slow, as each text is a round trip that its caller's thread waits for (what was asked
/// before is remembered), and it does not know which ids are special or how many there are. Prefer the model's folder.
/// </summary>
internal sealed class VllmTokenizer(VllmEndpoint server, string model) : ITokenizer
{
    private const int Remembered = 1 << 16;
    private readonly ConcurrentDictionary<(string Text, bool Special), int[]> encoded = new();
    private readonly ConcurrentDictionary<string, string> decoded = new(StringComparer.Ordinal);

    /// <summary>Not told by the server: every id that it gives is one of its own.</summary>
    public int VocabularySize => int.MaxValue;

    /// <summary>Not told by the server.</summary>
    public int? BosTokenId => null;

    /// <summary>Not told by the server; it ends responses by itself.</summary>
    public int? EosTokenId => null;

    /// <summary>Not told by the server.</summary>
    public int? PadTokenId => null;

    public int[] Encode(string text, bool addSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!encoded.TryGetValue((text, addSpecialTokens), out var ids))
        {
            ids = server.PostAndWait<TokenizeResponse>("tokenize", new TokenizeRequest(model, text, addSpecialTokens)).Tokens ?? throw server.Nonsense("tokenize", "it told no tokens.");
            Remember(encoded, (text, addSpecialTokens), ids);
        }

        return [.. ids];
    }

    /// <summary>The text of <paramref name="ids"/> as the server writes it, special tokens included: it does not tell which those are.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true)
    {
        if (ids.IsEmpty)
        {
            return "";
        }

        var key = string.Join(',', ids.ToArray());
        if (!decoded.TryGetValue(key, out var text))
        {
            text = server.PostAndWait<DetokenizeResponse>("detokenize", new DetokenizeRequest(model, ids.ToArray())).Prompt ?? throw server.Nonsense("detokenize", "it told no text.");
            Remember(decoded, key, text);
        }

        return text;
    }

    public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => new Decoder(this);

    private static void Remember<TKey, TValue>(ConcurrentDictionary<TKey, TValue> known, TKey key, TValue value)
        where TKey : notnull
    {
        if (known.Count >= Remembered)
        {
            known.Clear();
        }

        known[key] = value;
    }

    /// <summary>Decodes what is new together with the ids before it whose text is out already, so that characters and spaces across tokens come out right.</summary>
    private sealed class Decoder(VllmTokenizer tokenizer) : IStreamingDecoder
    {
        private readonly List<int> window = [];
        private int shown; // ids of the window whose text is out

        public string Append(int id)
        {
            window.Add(id);
            return Take(isEnd: false);
        }

        public string Finish() => Take(isEnd: true);

        private string Take(bool isEnd)
        {
            var before = tokenizer.Decode(window.Take(shown).ToArray(), skipSpecialTokens: false);
            var now = tokenizer.Decode(window.ToArray(), skipSpecialTokens: false);
            if (now.Length <= before.Length || (!isEnd && now[^1] == '\uFFFD'))
            {
                return ""; // a character is unfinished
            }

            window.RemoveRange(0, shown);
            shown = window.Count;
            return now[before.Length..];
        }
    }
}
