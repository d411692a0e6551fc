using System.Globalization;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests;

/// <summary>Writes ids as numbers: for models that have no vocabulary of their own.</summary>
internal sealed class NumberTokenizer : ITokenizer
{
    public int VocabularySize => int.MaxValue;

    public int? BosTokenId => null;

    public int? EosTokenId => null;

    public int? PadTokenId => null;

    public int[] Encode(string text, bool addSpecialTokens = false) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(t => int.Parse(t, CultureInfo.InvariantCulture))];

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => string.Concat(ids.ToArray().Select(i => $"{i} "));

    public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => new Decoder();

    private sealed class Decoder : IStreamingDecoder
    {
        public string Append(int id) => $"{id} ";

        public string Finish() => "";
    }
}
