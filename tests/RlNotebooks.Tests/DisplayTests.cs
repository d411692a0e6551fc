using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace RlNotebooks.Tests;

[Collection(ProcessStateCollection.Name)]
public sealed partial class DisplayTests : IDisposable
{
    private const string Plot = "\"{\\\"data\\\":[{\\\"y\\\":[1,2],\\\"name\\\":\\\"</script><script>x\\\"}],\\\"layout\\\":{}}\".DisplayAs(\"application/vnd.plotly.v1+json\");";

    private const string Formatted = """
        class TypeFormatterSourceAttribute(Type t) : Attribute { public Type FormatterSourceType => t; public string[] PreferredMimeTypes { get; set; } }
        [TypeFormatterSource(typeof(Source)MIMES)] class Shown { }
        class Sub : Shown { }
        class Source { public IEnumerable<object> CreateTypeFormatters() => [new F("text/html", "<p>h</p>"), new F("x/y+json", "{\"a\": [1]}"), new F("text/plain", null)]; }
        class F(string mime, string content) { public string MimeType => mime;
            public bool Format(object value, System.IO.TextWriter writer) { if (content != null) writer.Write(content); return content != null; } }
        new Sub()
        """;

    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [Fact]
    public async Task Updates_leave_the_last_state_only_and_are_heard_on_the_way()
    {
        await work.RunAsync("var d = display(\"one\"); 5.Display(); d.Update(\"two\");", "d.Update(\"three\");");
        Assert.Equal(2, work.Executed.Cells[0].Outputs.Count);
        Assert.Equal(("three", "5"), (work.Text(0), work.Text(0, 1)));
        Assert.Empty(work.Executed.Cells[1].Outputs);
        Assert.Equal(["one", "5", "two", "three"], work.Displays);
    }

    [Fact]
    public async Task A_convention_formatter_is_found_by_name_and_json_becomes_an_object()
    {
        await work.RunAsync(Formatted.Replace("MIMES", ", PreferredMimeTypes = new[] { \"text/html\", \"x/y+json\" }", StringComparison.Ordinal));
        var data = work.Output(0)["data"]!.AsObject();
        Assert.Equal(["text/html", "text/plain", "x/y+json"], data.Select(p => p.Key));
        Assert.Equal(1, Assert.IsType<JsonObject>(data["x/y+json"])["a"]![0]!.GetValue<int>());
    }

    [Fact]
    public async Task Without_preferred_types_only_html_and_text_are_shown()
    {
        await work.RunAsync(Formatted.Replace("MIMES", "", StringComparison.Ordinal));
        Assert.Equal(["text/html", "text/plain"], work.Output(0)["data"]!.AsObject().Select(p => p.Key));
    }

    [Theory]
    [InlineData("null", "null")]
    [InlineData("true", "true")]
    [InlineData("1.5f", "1.5")]
    [InlineData("new[] { 1, 2 }", "[1, 2]")]
    [InlineData("Enumerable.Range(0, 1000).ToList()", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, …] (1,000 rows, the first 20 shown)")]
    [InlineData("new Dictionary<string, int> { [\"a\"] = 1 }", "key  value\na    1\n(1 row)")]
    [InlineData("new { A = 1, B = \"x\" }", "A  1\nB  x")]
    [InlineData("IEnumerable<int> Endless() { while (true) yield return 1; }\nEndless()", "there are more)")]
    [InlineData("new InvalidOperationException(\"m\")", "InvalidOperationException: m")]
    [InlineData("new TaskCompletionSource<int>().Task", "Task<int> (WaitingForActivation)")]
    public async Task Values_read_well_as_text(string code, string expected)
    {
        Assert.Null((await work.RunAsync(code)).Failure);
        Assert.EndsWith(expected, work.Text(0).Replace("Task<Int32>", "Task<int>", StringComparison.Ordinal).Replace("; use await for its result", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_void_call_has_no_result()
    {
        await work.RunAsync("Console.Write(1)");
        Assert.Equal("stream", Assert.Single(work.Executed.Cells[0].Outputs)!["output_type"]!.ToString());
    }

    [Fact]
    public async Task Text_cannot_inject_markup()
    {
        const string evil = "<script>evil</script>";
        await work.RunAsync($"\"{evil}\"", $"Console.WriteLine(\"{evil}\");", $"new[] {{ new {{ A = \"{evil}\" }} }}", $"new Dictionary<string, object> {{ [\"{evil}\"] = \"{evil}\" }}", Plot, $"throw new Exception(\"{evil}\");");
        Assert.DoesNotContain(evil, work.Page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>x", work.Page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;evil&lt;/script&gt;", work.Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_holds_plotly_once_with_plots_and_never_without()
    {
        await work.RunAsync(Plot, Plot);
        Assert.Single(PlotlyBanner().Matches(work.Page));
        Assert.Equal(2, work.Page.Split("<div class=\"plot\">").Length - 1);
        Assert.DoesNotContain("src=\"http", work.Page, StringComparison.Ordinal);
        await work.RunAsync("1");
        Assert.Empty(PlotlyBanner().Matches(work.Page));
        Assert.DoesNotContain("<script", work.Page, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\* plotly\.js v2\.28\.0")]
    private static partial Regex PlotlyBanner();
}
