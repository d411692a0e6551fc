using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Notebooks.Tests;

/// <summary>One id for each character.</summary>
internal sealed class Characters : ITokenizer
{
    public int VocabularySize => 65536;

    public int? BosTokenId => null;

    public int? EosTokenId => null;

    public int? PadTokenId => null;

    public int[] Encode(string text, bool addSpecialTokens = false) => [.. text.Select(c => (int)c)];

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => string.Concat(ids.ToArray().Select(i => (char)i));

    public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => new Streaming();

    private sealed class Streaming : IStreamingDecoder
    {
        public string Append(int id) => ((char)id).ToString();

        public string Finish() => "";
    }
}
