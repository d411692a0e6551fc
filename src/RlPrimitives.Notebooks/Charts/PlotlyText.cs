using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>Text in a figure: Plotly reads a little HTML in it.</summary>
internal static partial class PlotlyText
{
    public static string Escape(string text) =>
        text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);

    /// <summary>Text as a reader sees it: tags gone, entities read, a break as a space.</summary>
    public static string Plain(string html) => WebUtility.HtmlDecode(Tag().Replace(Break().Replace(html, " "), ""));

    /// <summary>The same, line by line.</summary>
    public static string[] Lines(string html) => [.. Break().Split(html).Select(Plain)];

    /// <summary>Lines of at most <paramref name="width"/> characters, broken at spaces but not within a number, as few as possible and about equally long.</summary>
    public static string[] Wrap(string text, int width)
    {
        var lines = Filled(text, width);
        for (var narrower = width - 1; lines.Length > 1 && narrower > width / 2 && Filled(text, narrower) is var other && other.Length == lines.Length; narrower--)
        {
            lines = other;
        }

        return lines;
    }

    private static string[] Filled(string text, int width)
    {
        var lines = new List<string>();
        var line = new StringBuilder();
        foreach (var word in Unit().Split(text))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                lines.Add(line.ToString());
                line.Clear();
            }

            line.Append(line.Length > 0 ? " " : "").Append(word);
        }

        lines.Add(line.ToString());
        return [.. lines];
    }

    // A space beside ±, or before %, holds a number together.
    [GeneratedRegex("(?<!±) (?![±%])")]
    private static partial Regex Unit();

    [GeneratedRegex("<br */?>", RegexOptions.IgnoreCase)]
    private static partial Regex Break();

    [GeneratedRegex("</?[a-zA-Z][^<>]*>")]
    private static partial Regex Tag();
}
