using RlNotebooks.Documents;

namespace RlNotebooks.Tests;

public sealed class DocumentTests
{
    [Fact]
    public void A_round_trip_keeps_what_is_not_known()
    {
        const string text = "{\n \"cells\": [\n  {\n   \"attachments\": {},\n   \"cell_type\": \"markdown\",\n   \"id\": \"é😀\",\n   \"metadata\": {\n    \"zzz\": 1.0,\n    \"unknown\": [\n     1e-07,\n     null\n    ]\n   },\n   \"source\": [\n    \"a\\n\",\n    \"\\\"b\\\"\\u0001<>&'+\"\n   ]\n  }\n ],\n \"extra\": [],\n \"metadata\": {},\n \"nbformat\": 4,\n \"nbformat_minor\": 5\n}\n";
        Assert.Equal(text.Replace("\"zzz\": 1.0,\n    \"unknown\": [\n     1e-07,\n     null\n    ]", "\"unknown\": [\n     1e-07,\n     null\n    ],\n    \"zzz\": 1.0", StringComparison.Ordinal),
            Notebook.Parse(text, "x").ToJson());
    }

    [Theory]
    [InlineData("{\"cells\": [", "not valid JSON")]
    [InlineData("[1]", "not a notebook")]
    [InlineData("{\"a\": 1}", "not a notebook")]
    [InlineData("{\"nbformat\": 3, \"worksheets\": []}", "nbconvert --to notebook --nbformat 4")]
    [InlineData("{\"nbformat\": 4, \"cells\": [1]}", "list of cells")]
    public void What_is_not_a_notebook_is_refused_with_name_and_remedy(string text, string message)
    {
        var error = Assert.Throws<NotebookException>(() => Notebook.Parse(text, "my.ipynb"));
        Assert.StartsWith("my.ipynb: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named() =>
        Assert.Contains("nowhere.ipynb", Assert.Throws<NotebookException>(() => Notebook.Load("nowhere.ipynb")).Message, StringComparison.Ordinal);

    [Fact]
    public void Markdown_is_rendered_without_raw_html_or_running_links()
    {
        var notebook = Notebook.Parse("""{"cells": [{"cell_type": "markdown", "metadata": {}, "id": "a", "source": "# Title\n**b** $x^2$ <script>evil()</script> [l](javascript:evil()) [n](02.ipynb#a)"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}""", "x");
        var page = HtmlPage.Of(notebook, "x", ".");
        Assert.Contains("<title>Title</title>", page, StringComparison.Ordinal);
        Assert.Contains("<strong>b</strong>", page, StringComparison.Ordinal);
        Assert.Contains("<span class=\"math\">x^2</span>", page, StringComparison.Ordinal);
        Assert.Contains("href=\"02.html#a\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("javascript:", page, StringComparison.Ordinal);
    }
}
