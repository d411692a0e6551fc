using System.Net;
using System.Text;

namespace RlNotebooks.Engine.Formatting;

/// <summary>Values as HTML; every text is encoded.</summary>
internal static class HtmlText
{
    public static string Of(object? value) => Shape.Of(value) switch
    {
        Scalar s => $"<pre>{Encode(s.Text)}</pre>",
        Properties p => $"<table><caption>{Encode(p.TypeName)}</caption><tbody>{string.Concat(p.Items.Select(i => $"<tr><th>{Encode(i.Name)}</th><td>{Encode(i.Value)}</td></tr>"))}</tbody></table>",
        Table t => Of(t),
        var other => throw new InvalidOperationException($"{other.GetType().Name} has no HTML."),
    };

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
