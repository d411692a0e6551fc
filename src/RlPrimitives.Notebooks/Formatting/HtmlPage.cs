using System.Net;

namespace RlPrimitives.Notebooks.Formatting;

/// <summary>A fragment as a page of its own, light or dark as the reader's system is.</summary>
internal static class HtmlPage
{
    /// <param name="title">In the head, plain text.</param>
    /// <param name="fragment">The content, HTML.</param>
    /// <param name="script">A script in the head; empty for none.</param>
    public static string Of(string title, string fragment, string script = "") => $$"""
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>{{WebUtility.HtmlEncode(title)}}</title>
        <style>body { font-family: sans-serif; margin: 1em; }</style>
        {{(script.Length == 0 ? "" : $"<script>{script}</script>")}}
        </head>
        <body>
        {{fragment}}
        </body>
        </html>
        """;
}
