using System.Xml.Linq;
using Plotly.NET;
using RlPrimitives.Algorithms;
using Plot = Plotly.NET.CSharp.Chart;

namespace RlPrimitives.Notebooks.Tests;

public class ChartTests
{
    [Fact]
    public void No_figure_of_a_long_run_is_over_60_KB_in_all_its_forms()
    {
        var history = Histories.Random(2000, 512, 1);
        var seeds = new[] { "GRPO", "PPO", "REINFORCE", "DAPO" }.ToDictionary(n => n, IReadOnlyList<TrainingHistory> (n) => [Histories.Random(2000, 4, 2, n), Histories.Random(2000, 4, 3, n)]);
        foreach (var chart in new[] { Show.RewardCurve(history, 0.5, 0.1), Show.RewardDistribution(history), Show.Diagnostics(history), Show.Lengths(history), Show.Comparison(seeds) })
        {
            Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length + chart.Title.Length, 1_000, 60_000);
        }
    }

    [Fact]
    public void The_html_carries_no_plotly_js_and_works_alone()
    {
        var html = Show.RewardCurve(Histories.Of([0], [1])).ToHtml();

        Assert.InRange(html.Length, 1_000, 20_000);
        Assert.Contains("https://cdn.plot.ly/plotly-2.28.0.min.js", html, StringComparison.Ordinal);
        Assert.Contains("window.define = undefined", html, StringComparison.Ordinal);
        Assert.Contains("window.define = define", html, StringComparison.Ordinal);
        Assert.True(html.IndexOf("<svg", StringComparison.Ordinal) < html.IndexOf("<script", StringComparison.Ordinal));
    }

    [Fact]
    public void The_same_figure_gives_the_same_html_and_another_figure_another_id()
    {
        static string Id(Chart chart) => chart.ToHtml().Split('"')[1];
        var chart = Show.RewardCurve(Histories.Of([0], [1]));

        Assert.Equal(chart.ToHtml(), Show.RewardCurve(Histories.Of([0], [1])).ToHtml());
        Assert.NotEqual(Id(chart), Id(Show.RewardCurve(Histories.Of([0], [2]))));
    }

    [Fact]
    public void A_name_with_markup_is_neither_run_nor_rendered()
    {
        TrainingHistory history = new("</script><img src=x onerror=alert(1)>", Histories.Of([0], [1]).ToArray());

        var chart = Show.RewardCurve(history);
        Assert.Equal("Mean reward 0 → 1 in 2 iterations of </script><img src=x onerror=alert(1)>", chart.Title);
        Assert.DoesNotContain("<img", chart.ToHtml(), StringComparison.Ordinal);
        Assert.Single(chart.ToHtml().Split("</script>")[..^1]);
        Assert.DoesNotContain("<img", (string?)chart.Figure()["layout"]!["title"]!["text"], StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_have_five_digits_and_what_is_not_finite_is_null()
    {
        var figure = Chart.From(Plot.Line<double, double, string>([1, 2, 3], [1.23456789, double.NaN, 1e-7 / 3])).Figure();

        Assert.Equal([1.2346, null, 3.3333e-8], figure["data"]![0]!["y"].Numbers());
    }

    [Fact]
    public void A_figure_of_ones_own_gets_the_look_but_keeps_what_it_says()
    {
        var own = Plot.Point<double, double, string>([1, 2], [3, 4]);
        var layout = GenericChart.getLayout(own);
        layout.SetProperty("paper_bgcolor", "white");

        var chart = Chart.From(GenericChart.setLayout(layout, own), "A < B");
        Assert.Equal("A < B", chart.Title);
        Assert.Equal("white", (string?)chart.Figure()["layout"]!["paper_bgcolor"]);
        Assert.Equal("rgba(0,0,0,0)", (string?)chart.Figure()["layout"]!["plot_bgcolor"]);
        Assert.Equal(360, (int?)chart.Figure()["layout"]!["height"]);
        Assert.Null(chart.Figure()["layout"]!["width"]);
        Assert.True((bool?)chart.Figure()["config"]!["responsive"]);
    }

    [Fact]
    public void Too_many_points_are_thinned_with_everything_that_runs_beside_them()
    {
        var x = Enumerable.Range(0, 10_000).Select(i => (double)i).ToArray();
        var chart = Chart.From(Plot.Point<double, double, string>(x, [.. x.Select(v => -v)]));

        var trace = chart.Figure()["data"]![0]!;
        var (xs, ys) = (trace["x"].Numbers(), trace["y"].Numbers());
        Assert.InRange(xs.Length, 100, 2000);
        Assert.Equal(xs.Select(v => -v), ys);
        Assert.Equal((0, 9999), (xs[0], xs[^1]));
        Assert.True(chart.ToJson().Length + chart.ToHtml().Length < 60_000);
    }

    [Fact]
    public void Many_values_of_a_histogram_become_counts_that_add_up()
    {
        var random = new Random(1);
        var chart = Chart.From(Plot.Histogram<double, double, string>(Enumerable.Range(0, 5000).Select(_ => random.NextDouble()).ToArray()));

        var trace = chart.Figure()["data"]![0]!;
        Assert.Equal(5000, trace["y"].Numbers().Sum());
        Assert.Equal("sum", (string?)trace["histfunc"]);
    }

    [Fact]
    public void With_changes_the_figure_and_leaves_the_chart()
    {
        var chart = Show.RewardCurve(Histories.Of([0], [1]));
        var renamed = chart.With(figure => GenericChart.addLayout(Named("changed"), figure));

        Assert.Equal("changed", renamed.Title);
        Assert.Equal("Mean reward 0 → 1 in 2 iterations of GRPO", chart.Title);

        static Layout Named(string title)
        {
            var layout = new Layout();
            layout.SetProperty("title", title);
            return layout;
        }
    }

    [Fact]
    public void A_saved_page_holds_plotly_js_itself()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Show.RewardCurve(Histories.Of([0], [1])).SaveHtml(path);
            var page = File.ReadAllText(path);
            Assert.Contains("plotly.js v2.28.0", page, StringComparison.Ordinal);
            Assert.InRange(page.Length, 3_000_000, 5_000_000);
            Assert.DoesNotContain("<script src", page, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_saved_drawing_is_well_formed_xml()
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Show.RewardCurve(new TrainingHistory("a < b & c", Histories.Of([0], [1]).ToArray())).SaveSvg(path);
            Assert.Contains("a < b & c", XDocument.Load(path).Root!.Value, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
