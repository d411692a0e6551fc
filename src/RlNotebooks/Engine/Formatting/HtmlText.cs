using System.Net;
using System.Text;

namespace RlNotebooks.Engine.Formatting;

/// <summary>Values as HTML; every text is encoded.</summary>
internal static class HtmlText
{
    private const int Deepest = 3;

    public static string Of(object? value) => Of(value, 0);

    private static string Of(object? value, int depth) => Shape.Of(value) switch
    {
        Scalar s => $"<pre>{Encode(s.Text)}</pre>",
        Properties { TypeName: Shape.Anonymous } p when depth == 0 => Of(p, depth),
        Properties p => $"<details{(depth == 0 ? " open" : "")}><summary>{Encode(p.TypeName)}</summary>{Of(p, depth)}</details>",
        Table t => Of(t),
        var other => throw new InvalidOperationException($"{other.GetType().Name} has no HTML."),
    };

    private static string Of(Properties properties, int depth) =>
        $"<table><tbody>{string.Concat(properties.Items.Select(i => $"<tr><th>{Encode(i.Name)}</th><td>{Member(i.Text, i.Value, depth)}</td></tr>"))}</tbody></table>";

    // An object inside an object can be opened; only what can be opened costs anything before it is.
    private static string Member(string text, object? value, int depth) =>
        value is null or string or IFormattable or System.Collections.IEnumerable || depth + 1 >= Deepest || Shape.Of(value) is not Properties ? Encode(text) : Of(value, depth + 1);

    private static string Of(Table table)
    {
        var html = new StringBuilder("<table><thead><tr>");
        html.AppendJoin("", table.Columns.Select(c => $"<th>{Encode(c)}</th>")).Append("</tr></thead><tbody>");
        foreach (var row in table.Rows)
        {
            html.Append("<tr>").AppendJoin("", row.Select(c => $"<td>{Encode(c)}</td>")).Append("</tr>");
        }

        return html.Append("</tbody></table><p>").Append(Encode(table.Caption)).Append("</p>").ToString();
    }

    private static string Encode(string text) => WebUtility.HtmlEncode(text);
}
