using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace RlNotebooks.Documents;

/// <summary>Outputs of code cells as HTML: text encoded, formatters' HTML as it is, plots as data for the page's one plotly.js.</summary>
internal sealed partial class OutputHtml(MarkdownHtml markdown)
{
    private const string PlotMime = "application/vnd.plotly.v1+json";

    public bool HasPlots { get; private set; }

    public string Of(JsonNode output) => output["output_type"]?.ToString() switch
    {
        "stream" => $"<pre class=\"output {(output["name"]?.ToString() == "stderr" ? "stderr" : "stdout")}\">{Encode(NotebookCell.Text(output["text"]))}</pre>\n",
        "error" => $"<pre class=\"output error\">{Encode(string.Join('\n', output["traceback"]?.AsArray().Select(l => l?.ToString()) ?? []))}</pre>\n",
        "display_data" or "execute_result" when output["data"] is JsonObject data => $"<div class=\"output\">{Data(data)}</div>\n",
        _ => "",
    };

    private string Data(JsonObject data)
    {
        string Text(string mime) => NotebookCell.Text(data[mime]);
        if (data[PlotMime] is JsonObject plot)
        {
            HasPlots = true;
            var json = plot.ToJsonString().Replace("<", "\\u003c", StringComparison.Ordinal);
            return $"<div class=\"plot\"><script type=\"application/json\">{json}</script><noscript>This plot needs JavaScript.</noscript></div>";
        }

        return data.ContainsKey("text/html") ? $"<div class=\"html\">{Text("text/html")}</div>"
            : data.ContainsKey("text/markdown") ? markdown.Render(Text("text/markdown"), null)
            : data.ContainsKey("image/svg+xml") ? Image("image/svg+xml", Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Text("image/svg+xml"))))
            : data.FirstOrDefault(p => p.Key is "image/png" or "image/jpeg" or "image/gif" or "image/webp").Key is { } image ? Image(image, Text(image).ReplaceLineEndings(""))
            : data.ContainsKey("text/plain") ? $"<pre>{Encode(Text("text/plain"))}</pre>"
            : $"<pre>{Encode(data.FirstOrDefault().Value is { } other ? NotebookCell.Text(other) : "")}</pre>";
    }

    private static string Image(string mime, string base64) => $"<img alt=\"output\" src=\"data:{mime};base64,{Encode(base64)}\">";

    private static string Encode(string text) => WebUtility.HtmlEncode(TerminalColours().Replace(text, ""));

    [GeneratedRegex(@"\x1b\[[0-9;]*[A-Za-z]")]
    private static partial Regex TerminalColours();
}
