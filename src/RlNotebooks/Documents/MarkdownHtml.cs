using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Markdig;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace RlNotebooks.Documents;

/// <summary>Markdown as HTML. HTML inside it is shown as text; images beside the notebook become part of the page.</summary>
internal sealed partial class MarkdownHtml(string folder)
{
    private const long LargestImage = 4 << 20;

    private static readonly MarkdownPipeline Pipeline = new MarkdownPipelineBuilder()
        .UsePipeTables().UseTaskLists().UseAutoLinks().UseEmphasisExtras().UseFootnotes().UseMathematics().UseAutoIdentifiers()
        .DisableHtml().Build();

    public string Render(string text, JsonNode? attachments)
    {
        var document = Markdown.Parse(text, Pipeline);
        foreach (var link in document.Descendants<LinkInline>())
        {
            link.Url = link.IsImage ? ImageOf(link.Url ?? "", attachments) : LinkOf(link.Url ?? "");
        }

        foreach (var link in document.Descendants<AutolinkInline>().Where(l => !l.IsEmail))
        {
            link.Url = LinkOf(link.Url);
        }

        // The formula's text, without the marks that a script would look for.
        return MathMarks().Replace(document.ToHtml(Pipeline), "${tag}${formula}");
    }

    // Links between notebooks lead to their pages; anything that could run is dropped.
    private static string LinkOf(string url)
    {
        var file = url.Split('#', '?')[0];
        var scheme = file.Split('/')[0].Split(':') is [var s, _, ..] ? s.Trim().ToLowerInvariant() : "";
        return scheme is not ("" or "http" or "https" or "mailto") ? ""
            : scheme.Length == 0 && file.EndsWith(".ipynb", StringComparison.OrdinalIgnoreCase) ? $"{file[..^".ipynb".Length]}.html{url[file.Length..]}"
            : url;
    }

    private string ImageOf(string url, JsonNode? attachments)
    {
        if (url.StartsWith("attachment:", StringComparison.Ordinal))
        {
            return attachments?[Uri.UnescapeDataString(url["attachment:".Length..])] is JsonObject { Count: > 0 } bundle
                ? $"data:{bundle.First().Key};base64,{NotebookCell.Text(bundle.First().Value)}" : "";
        }

        if (url.StartsWith("data:image/", StringComparison.Ordinal) || url.StartsWith("http", StringComparison.OrdinalIgnoreCase))
        {
            return url;
        }

        var name = Uri.UnescapeDataString(url);
        var inside = Path.GetFullPath(folder) + Path.DirectorySeparatorChar;
        var path = name.Contains('\0', StringComparison.Ordinal) ? "" : Path.GetFullPath(name, inside);
        if (!path.StartsWith(inside, StringComparison.Ordinal))
        {
            return ""; // a file that the page has no business with
        }

        var mime = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".png" => "image/png",
            ".jpg" or ".jpeg" => "image/jpeg",
            ".gif" => "image/gif",
            ".webp" => "image/webp",
            ".svg" => "image/svg+xml",
            _ => null,
        };
        return mime is not null && new FileInfo(path) is { Exists: true, Length: < LargestImage }
            ? $"data:{mime};base64,{Convert.ToBase64String(File.ReadAllBytes(path))}" : "";
    }

    [GeneratedRegex("""(?<tag><(span|div) class="math">)\s*\\[(\[](?<formula>.*?)\\[)\]]""", RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex MathMarks();
}
