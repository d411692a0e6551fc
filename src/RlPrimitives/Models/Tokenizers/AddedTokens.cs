using System.Buffers;
using System.Globalization;

namespace RlPrimitives.Models.Tokenizers;

/// <summary>A token that is matched in the text as a whole, before any splitting.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Only where no word character touches it.</param>
/// <param name="LeftStrip">Takes the white space before it.</param>
/// <param name="RightStrip">Takes the white space after it.</param>
/// <param name="Normalized">Matched in the normalised text instead of the raw one.</param>
/// <param name="Special">Left out of decoded text on request.</param>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool LeftStrip, bool RightStrip, bool Normalized, bool Special);

/// <summary>Finds added tokens: the leftmost, of those the longest, as the Rust tokenizers' Aho–Corasick does.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<char> firsts;
    private readonly ILookup<char, AddedToken> byFirst; // longest first

    public AddedTokenFinder(IEnumerable<AddedToken> tokens)
    {
        byFirst = tokens.Where(t => t.Content.Length > 0).OrderByDescending(t => t.Content.Length).ToLookup(t => t.Content[0]);
        firsts = SearchValues.Create([.. byFirst.Select(g => g.Key)]);
    }

    /// <summary>Calls <paramref name="found"/> for each stretch of the text in order; its token is null between added tokens.</summary>
    public void Split(string text, Action<Range, AddedToken?> found)
    {
        var from = 0; // end of the last stretch
        var at = 0; // where to look on
        while (at < text.Length)
        {
            var skip = text.AsSpan(at).IndexOfAny(firsts);
            if (skip < 0)
            {
                break;
            }

            at += skip;
            if (LongestAt(text, at) is not { } token)
            {
                at++;
                continue;
            }

            var (start, end) = (at, at + token.Content.Length);
            at = end;
            if (token.SingleWord && ((start > 0 && IsWord(text[start - 1])) || (end < text.Length && IsWord(text[end]))))
            {
                continue;
            }

            while (token.LeftStrip && start > from && char.IsWhiteSpace(text[start - 1]))
            {
                start--;
            }

            while (token.RightStrip && end < text.Length && char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            if (start > from)
            {
                found(from..start, null);
            }

            found(start..end, token);
            from = at = end;
        }

        if (from < text.Length)
        {
            found(from..text.Length, null);
        }
    }

    private AddedToken? LongestAt(string text, int at)
    {
        foreach (var token in byFirst[text[at]])
        {
            if (string.CompareOrdinal(text, at, token.Content, 0, token.Content.Length) == 0)
            {
                return token;
            }
        }

        return null;
    }

    /// <summary>\w of Unicode Technical Standard 18, as far as one UTF-16 unit tells (a surrogate counts as a letter).</summary>
    private static bool IsWord(char c) => char.IsLetter(c) || char.IsSurrogate(c) || char.GetUnicodeCategory(c) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark or
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation;
}
