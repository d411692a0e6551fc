using System.Globalization;
using System.Xml.Linq;
using Plot = Plotly.NET.CSharp.Chart;

namespace RlPrimitives.Notebooks.Tests;

public class SvgTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private static XElement Draw(Chart chart) => XElement.Parse(chart.ToSvg());

    private static string[] Texts(XElement svg) => [.. svg.Elements(Svg + "text").Select(t => t.Value)];

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    [Fact]
    public void The_drawing_has_title_axis_titles_ticks_and_legend()
    {
        var texts = Texts(Draw(Show.RewardCurve(Histories.Of([0, 1], [1, 1]), 0.9, 0.1)));

        Assert.Contains("Mean reward 0.5 → 1 in 2 iterations of GRPO; predicted 0.9 ± 0.1: met", texts);
        Assert.Contains("iteration", texts);
        Assert.Contains("reward per trajectory", texts);
        Assert.Contains("predicted 0.9 ± 0.1", texts);
        Assert.Contains("0.8", texts);
    }

    [Fact]
    public void A_higher_value_is_drawn_higher_and_a_later_one_further_right()
    {
        var line = Draw(Chart.From(Plot.Line<double, double, string>([0, 1, 2], [0, 5, 10]))).Elements(Svg + "path").First(p => p.Attribute("fill")!.Value == "none");

        var points = line.Attribute("d")!.Value.Split('M', 'L').Skip(1).Select(p => p.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray()).ToArray();
        Assert.Equal(3, points.Length);
        Assert.True(points[0][0] < points[1][0] && points[1][0] < points[2][0]);
        Assert.True(points[0][1] > points[1][1] && points[1][1] > points[2][1]);
        Assert.Equal(points[0][1] - points[1][1], points[1][1] - points[2][1], 0.2);
    }

    [Fact]
    public void A_gap_lifts_the_pen()
    {
        var line = Draw(Chart.From(Plot.Line<double, double, string>([0, 1, 2, 3, 4], [0, 1, double.NaN, 1, 0]))).Elements(Svg + "path").First();

        Assert.Equal(2, line.Attribute("d")!.Value.Count(c => c == 'M'));
    }

    [Fact]
    public void Bars_are_as_high_as_their_values()
    {
        var bars = Draw(Show.Accuracy([("a", new RlPrimitives.Algorithms.Accuracy(2, 10), new RlPrimitives.Algorithms.Accuracy(8, 10))])).Elements(Svg + "rect").Where(r => Number(r, "height") > 20).ToArray();

        Assert.Equal(4, Number(bars[1], "height") / Number(bars[0], "height"), 0.02);
    }

    [Fact]
    public void Only_attributes_style_the_drawing_because_viewers_strip_style_sheets()
    {
        foreach (var element in Draw(Show.Diagnostics(Histories.Random(20, 4, 1))).DescendantsAndSelf())
        {
            Assert.Null(element.Attribute("style"));
            Assert.Contains(element.Name.LocalName, (string[])["svg", "path", "line", "rect", "text"]);
        }
    }

    [Fact]
    public void Every_panel_is_drawn_within_the_picture()
    {
        var svg = Draw(Show.Diagnostics(Histories.Random(50, 4, 1)));

        Assert.Equal(6, Texts(svg).Count(t => t is "entropy, nats per token" or "KL to reference, nats per token" or "clipped, % of tokens" or "gradient norm before clipping, L2" or "response length, tokens" or "% of trajectories, % of groups"));
        Assert.All(svg.Elements(Svg + "text"), t => Assert.True(Number(t, "x") is >= 0 and <= 720 && Number(t, "y") is >= 0 and <= 480));
    }

    [Fact]
    public void Many_objectives_have_labels_of_several_lines_that_do_not_touch()
    {
        string[] names = ["correctness", "response_length", "safety_judgement", "format_of_the_answer", "tool_cost", "judge_helpfulness", "repetition", "language"];
        var svg = Draw(Show.ParallelCoordinates(Histories.Batch([.. names.Select((n, k) => (n, (float?[])[0.00123f * k, 0.987f - k]))])));

        var rows = svg.Elements(Svg + "text").Where(t => (string?)t.Attribute("font-size") == "11" && (string?)t.Attribute("text-anchor") == "middle").GroupBy(t => Number(t, "y")).ToArray();
        Assert.True(rows.Length >= 3);
        Assert.All(rows, row =>
        {
            var labels = row.OrderBy(t => Number(t, "x")).ToArray();
            Assert.All(labels.Zip(labels.Skip(1)), p => Assert.True(5.5 * (p.First.Value.Length + p.Second.Value.Length) / 2 < Number(p.Second, "x") - Number(p.First, "x"), $"{p.First.Value}|{p.Second.Value}"));
        });
    }

    [Fact]
    public void A_legend_of_several_rows_ends_above_the_axes_and_begins_below_the_title()
    {
        var chart = Show.Curves("Nine", ("x", [0, 1]), "y", [.. Enumerable.Range(0, 9).Select(i => ($"a curve with a long name {i}", (double[])[i, i + 1]))]);
        var entries = Draw(chart).Elements(Svg + "text").Where(t => t.Value.StartsWith("a curve", StringComparison.Ordinal)).Select(t => Number(t, "y")).ToArray();

        Assert.True(entries.Distinct().Count() > 1);
        Assert.InRange(entries.Min(), 34, 80);
        Assert.True(entries.Max() < (double)chart.Figure()["layout"]!["margin"]!["t"]!);
    }

    [Fact]
    public void A_kind_that_cannot_be_drawn_is_named() =>
        Assert.Contains("pie", string.Join("", Texts(Draw(Chart.From(Plot.Pie<int, string, string>([1, 2]))))), StringComparison.Ordinal);
}
