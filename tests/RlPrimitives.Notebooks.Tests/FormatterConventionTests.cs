using System.Collections;
using System.Text.Json.Nodes;

namespace RlPrimitives.Notebooks.Tests;

/// <summary>Formats a value as an engine does that knows the convention only, not the library.</summary>
public class FormatterConventionTests
{
    private static Dictionary<string, string> Bundle(object value)
    {
        var attribute = value.GetType().GetCustomAttributes(inherit: true).Single(a => a.GetType().Name == "TypeFormatterSourceAttribute");
        var sourceType = (Type)attribute.GetType().GetProperty("FormatterSourceType")!.GetValue(attribute)!;
        var preferred = (string[])attribute.GetType().GetProperty("PreferredMimeTypes")!.GetValue(attribute)!;
        var source = Activator.CreateInstance(sourceType)!;
        var bundle = new Dictionary<string, string>();
        foreach (var formatter in (IEnumerable)sourceType.GetMethod("CreateTypeFormatters")!.Invoke(source, null)!)
        {
            var writer = new StringWriter();
            Assert.True((bool)formatter.GetType().GetMethod("Format")!.Invoke(formatter, [value, writer])!);
            Assert.False((bool)formatter.GetType().GetMethod("Format")!.Invoke(formatter, [new object(), TextWriter.Null])!);
            Assert.Equal(value.GetType(), formatter.GetType().GetProperty("Type")!.GetValue(formatter));
            bundle.Add((string)formatter.GetType().GetProperty("MimeType")!.GetValue(formatter)!, writer.ToString());
        }

        Assert.Equal(preferred, bundle.Keys);
        return bundle;
    }

    [Fact]
    public void A_chart_is_plotly_json_html_and_text_in_one_bundle()
    {
        var bundle = Bundle(Show.RewardCurve(Histories.Of([0], [1])));

        Assert.Equal(["application/vnd.plotly.v1+json", "text/html", "text/plain"], bundle.Keys);
        Assert.Equal(["config", "data", "layout"], JsonNode.Parse(bundle["application/vnd.plotly.v1+json"])!.AsObject().Select(p => p.Key).Order());
        Assert.Contains("<svg", bundle["text/html"], StringComparison.Ordinal);
        Assert.Equal("Mean reward 0 → 1 in 2 iterations of GRPO", bundle["text/plain"]);
    }

    [Fact]
    public void A_table_of_trajectories_is_html_and_text()
    {
        var bundle = Bundle(Show.Trajectories([Histories.Trajectory("2")]));

        Assert.Equal(["text/html", "text/plain"], bundle.Keys);
        Assert.StartsWith("<div", bundle["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_view_of_a_trajectory_is_html_and_text()
    {
        var bundle = Bundle(Show.Trajectory(Histories.Trajectory("2"), new Characters()));

        Assert.Equal(["text/html", "text/plain"], bundle.Keys);
        Assert.StartsWith("<form", bundle["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void Html_handed_to_another_kernel_stays_html() =>
        Assert.Equal("<b>x</b>", Bundle(new Live.HtmlView(new Dictionary<string, string> { ["text/html"] = "<b>x</b>", ["text/plain"] = "x" }))["text/html"]);
}
