using System.Globalization;
using System.Net;
using System.Text;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Tokens;

/// <summary>Tokens as HTML: each its text, with its exact id to read over it. Nothing in a text is markup.</summary>
internal sealed class TokenText(ITokenizer tokenizer)
{
    /// <summary>Tokens that were given to the model.</summary>
    /// <param name="html">Where to write.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="most">More than this many are cut in the middle.</param>
    public void Given(StringBuilder html, ReadOnlySpan<int> ids, int most) => Write(html, ids, most, (_, id) => FormattableString.Invariant($"<span title=\"id {id}\">"));

    /// <summary>Tokens that the model sampled.</summary>
    /// <param name="html">Where to write.</param>
    /// <param name="ids">The tokens.</param>
    /// <param name="logProbs">One for each.</param>
    /// <param name="marks">Of the whole trajectory.</param>
    /// <param name="first">Index of the first of these among all sampled tokens of it.</param>
    /// <param name="most">More than this many are cut in the middle.</param>
    public void Sampled(StringBuilder html, int[] ids, float[] logProbs, TokenMarks marks, int first, int most) => Write(html, ids, most, (i, id) =>
    {
        var trained = marks.Mask is null || marks.Mask[first + i];
        var (classes, title) = (new StringBuilder(), new StringBuilder());
        title.Append(CultureInfo.InvariantCulture, $"id {id}");
        if (i < logProbs.Length)
        {
            classes.Append(TokenScale.LogProb.Class(logProbs[i]));
            title.Append(CultureInfo.InvariantCulture, $", log-prob {Numbers.Short(logProbs[i])}");
        }

        Add(marks.Advantages, TokenScale.Advantage);
        Add(marks.Ratios, TokenScale.Ratio);
        classes.Append(' ').Append(TokenScale.Mask.Class(trained ? 1 : 0));
        title.Append(trained ? "" : ", not trained on");
        return $"<span class=\"{classes.ToString().Trim()}\" title=\"{title}\">";

        void Add(IReadOnlyList<float>? values, TokenScale scale)
        {
            if (values is not null)
            {
                classes.Append(' ').Append(scale.Class(values[first + i]));
                title.Append(CultureInfo.InvariantCulture, $", {scale.Name} {Numbers.Short(values[first + i])}");
            }
        }
    });

    private void Write(StringBuilder html, ReadOnlySpan<int> ids, int most, Func<int, int, string> open)
    {
        var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
        int head = ids.Length <= most ? ids.Length : most * 2 / 3, tail = ids.Length <= most ? 0 : most - head;
        for (var i = 0; i < ids.Length; i++)
        {
            var text = decoder.Append(ids[i]) + (i == ids.Length - 1 ? decoder.Finish() : "");
            if (i == head && head < ids.Length)
            {
                html.Append(CultureInfo.InvariantCulture, $"<i>… {ids.Length - head - tail} tokens …</i>");
            }

            if (i < head || i >= ids.Length - tail)
            {
                // A token that ends inside a character shows in the next one; its place stays.
                html.Append(open(i, ids[i])).Append(WebUtility.HtmlEncode(text.Length == 0 ? "◌" : text.Replace("\n", "⏎\n", StringComparison.Ordinal))).Append("</span>");
            }
        }
    }
}
