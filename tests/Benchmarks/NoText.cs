using RlPrimitives.Models.Tokenizers;

namespace Benchmarks;

/// <summary>Tokens in, tokens out: text is not measured.</summary>
internal sealed class NoText : ITokenizer
{
    public int VocabularySize => Workload.Vocabulary;

    public int? BosTokenId => null;

    public int? EosTokenId => null;

    public int? PadTokenId => null;

    public int[] Encode(string text, bool addSpecialTokens = false) => throw new NotSupportedException("There is no text here.");

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => "";

    public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => throw new NotSupportedException("There is no text here.");
}
