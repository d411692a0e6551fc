using System.Text;
using RlNotebooks.Documents;
using RlPrimitives.Tests.Fuzzing;
using Xunit.Abstractions;

namespace RlNotebooks.Tests;

/// <summary>Notebooks of strangers: read, shown as a page and written again, or refused with their name.</summary>
public class MalformedNotebookTests(ITestOutputHelper output)
{
    private const string Right = """
        {"cells": [
          {"cell_type": "markdown", "id": "a", "metadata": {"tags": ["x"]}, "source": ["# T\n", "![i](attachment:i.png) $x^2$ | a | <b>"], "attachments": {"i.png": {"image/png": "iVBORw0KGgo="}}},
          {"cell_type": "code", "execution_count": 1, "id": "b", "metadata": {}, "source": "1+1", "outputs": [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": ["2"], "text/html": "<b>2</b>"}},
            {"output_type": "stream", "name": "stderr", "text": ["a\u001b[1m", "b"]},
            {"output_type": "display_data", "metadata": {}, "data": {"application/json": {"data": [{"y": [1]}]}, "image/svg+xml": "<svg/>"}},
            {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["t"]}]}],
         "metadata": {"kernelspec": {"name": "k"}}, "nbformat": 4, "nbformat_minor": 5}
        """;

    [Fact]
    public void Notebooks() => output.WriteLine(Fuzzer.Run("notebooks", [Encoding.UTF8.GetBytes(Right), Encoding.UTF8.GetBytes(Notebook.Create().ToJson())],
        ["cells", "cell_type", "code", "markdown", "raw", "source", "outputs", "output_type", "data", "text/html", "image/png", "attachments", "execution_count", "nbformat", "nbformat_minor", "traceback", "tags",
            "![x](../../../etc/passwd.png)", "[l](javascript:alert(1))", "<script>alert(1)</script>", ">>>>>>>>", "- - - - -", "****", "| - | -", "$$", "``````", "[[[[", "attachment:%00", "application/vnd.plotly.v1+json"], bytes =>
        {
            var notebook = Notebook.Parse(Encoding.UTF8.GetString(bytes), "n.ipynb");
            var page = HtmlPage.Of(notebook, "n", ".");
            var again = Notebook.Parse(notebook.ToJson(), "n.ipynb");
            Assert.Equal(notebook.ToJson(), again.ToJson());
            return $"{notebook.Cells.Count} {notebook.Cells.Count(c => c.IsCode)} {page.Length / 400}";
        }, e => e is NotebookException && e.Message.StartsWith("n.ipynb: ", StringComparison.Ordinal), mostBytes: length => (64 << 20) + (20_000L * length))); // a page with a plot carries plotly.js
}
