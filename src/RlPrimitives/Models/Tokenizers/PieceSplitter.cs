using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>Cuts a text into the pieces inside which bytes are merged, by one of the published patterns.</summary>
internal sealed partial class PieceSplitter
{
    public const string Gpt2Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string Qwen2Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Llama3Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly SearchValues<char> Surrogates = SearchValues.Create([.. Enumerable.Range(0xD800, 0x800).Select(c => (char)c)]);

    private readonly Regex regex;

    private PieceSplitter(Regex regex) => this.regex = regex;

    public static PieceSplitter Gpt2 { get; } = new(Gpt2Regex());

    public static PieceSplitter Qwen2 { get; } = new(Qwen2Regex());

    public static PieceSplitter Llama3 { get; } = new(Llama3Regex());

    /// <summary>The splitter of a pattern as it is written in tokenizer.json; null where it is none of the published ones.</summary>
    public static PieceSplitter? Find(string pattern) => pattern switch
    {
        Gpt2Pattern => Gpt2,
        Qwen2Pattern => Qwen2,
        Llama3Pattern => Llama3,
        _ => null,
    };

    /// <summary>Appends the ids of every piece, found by <paramref name="encode"/>.</summary>
    public void Split(ReadOnlySpan<char> text, List<int> ids, PieceEncoder encode)
    {
        if (!text.ContainsAny(Surrogates))
        {
            // The patterns match every character of any text: an alternative exists for letters, numbers, space and the rest.
            foreach (var match in regex.EnumerateMatches(text))
            {
                encode(text.Slice(match.Index, match.Length), ids);
            }

            return;
        }

        // .NET matches UTF-16 units, in which a surrogate is never a letter or number. So the pattern is run over one stand-in
        // per code point, of the same kind as the code point.
        var standIns = new char[text.Length];
        var starts = new int[text.Length + 1];
        var count = 0;
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var length); // unpaired: U+FFFD
            standIns[count] = rune.IsBmp ? (char)rune.Value : Rune.IsLetter(rune) ? '一' : Rune.IsNumber(rune) ? '²' : '☃';
            starts[count++] = i;
            i += length;
        }

        starts[count] = text.Length;
        foreach (var match in regex.EnumerateMatches(standIns.AsSpan(0, count)))
        {
            encode(text[starts[match.Index]..starts[match.Index + match.Length]], ids);
        }
    }

    // As published, but for the case-insensitive group: spelt out, so that it matches what the Unicode case folding of the
    // original engine does ("ſ" is an "s") and no culture has a say.
    [GeneratedRegex(Gpt2Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Gpt2Regex();

    [GeneratedRegex(
        @"'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant)]
    private static partial Regex Qwen2Regex();

    [GeneratedRegex(
        @"'(?:[sSſ]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        RegexOptions.CultureInvariant)]
    private static partial Regex Llama3Regex();
}

/// <summary>Appends the ids of one piece.</summary>
internal delegate void PieceEncoder(ReadOnlySpan<char> piece, List<int> ids);
