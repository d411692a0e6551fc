using System.Net;
using System.Text;

namespace RlNotebooks.Documents;

/// <summary>An executed notebook as one self-contained page: readable offline, light or dark as the reader's system.</summary>
public static class HtmlPage
{
    /// <summary>The page.</summary>
    /// <param name="notebook">The notebook with its outputs.</param>
    /// <param name="name">Title where the notebook has no heading.</param>
    /// <param name="folder">Where images that its Markdown names lie.</param>
    public static string Of(Notebook notebook, string name, string folder)
    {
        ArgumentNullException.ThrowIfNull(notebook);
        var markdown = new MarkdownHtml(folder);
        var outputs = new OutputHtml(markdown);
        var body = new StringBuilder();
        foreach (var cell in notebook.Cells)
        {
            if (cell.IsMarkdown)
            {
                body.Append("<section class=\"prose\">").Append(markdown.Render(cell.Source, cell.Json["attachments"])).Append("</section>\n");
            }
            else if (cell.IsCode)
            {
                AppendCode(body, cell, outputs);
            }
        }

        var heading = notebook.Cells.Where(c => c.IsMarkdown).SelectMany(c => c.Source.Split('\n')).FirstOrDefault(l => l.StartsWith("# ", StringComparison.Ordinal));
        var page = new StringBuilder($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{WebUtility.HtmlEncode(heading?[2..].Trim() ?? name)}</title>
            <style>
            {PageResources.Style}
            </style>
            </head>
            <body>
            <main>
            {body}</main>

            """);
        if (outputs.HasPlots)
        {
            page.Append("<script>").Append(PageResources.Plotly).Append("</script>\n<script>").Append(PageResources.PlotScript).Append("</script>\n");
        }

        return page.Append("</body>\n</html>\n").ToString();
    }

    private static void AppendCode(StringBuilder body, NotebookCell cell, OutputHtml outputs)
    {
        if (cell.Source.Trim().Length == 0)
        {
            return;
        }

        var count = cell.Json["execution_count"]?.ToString() ?? " ";
        body.Append("<section class=\"code\"><div class=\"count\">[").Append(WebUtility.HtmlEncode(count)).Append("]</div><pre class=\"source\"><code>")
            .Append(CodeHtml.Of(cell.Source.TrimEnd())).Append("</code></pre></section>\n");
        foreach (var output in cell.Outputs)
        {
            body.Append(outputs.Of(output!));
        }
    }
}
