using RlPrimitives.Algorithms;

namespace RlPrimitives.Notebooks.Tests;

public class ComparisonTests
{
    private static readonly Dictionary<string, IReadOnlyList<TrainingHistory>> Runs = new()
    {
        ["GRPO"] = [Histories.Of([0], [1]), Histories.Of([1], [2], [9])],
        ["mine"] = [Histories.Of([3], [4])],
    };

    [Fact]
    public void A_line_is_the_mean_of_the_seeds_as_far_as_all_of_them_went()
    {
        var figure = Show.Comparison(Runs).Figure();

        Assert.Equal([0.5, 1.5], figure.Trace("GRPO (2 seeds)")["y"].Numbers());
        Assert.Equal([3, 4], figure.Trace("mine")["y"].Numbers());
    }

    [Theory]
    [InlineData(ComparisonBand.MinMax, new[] { 1.0, 2, 1, 0 })]
    [InlineData(ComparisonBand.StandardDeviation, new[] { 1.2071, 2.2071, 0.79289, -0.20711 })] // sqrt(1/2) about the mean.
    public void The_band_spans_the_seeds(ComparisonBand band, double[] expected)
    {
        var trace = Show.Comparison(Runs, band).Figure().Trace("GRPO");

        Assert.Equal(expected, trace["y"].Numbers().Select(v => v!.Value));
        Assert.Equal("toself", (string?)trace["fill"]);
    }

    [Fact]
    public void The_title_says_where_each_method_ended() =>
        Assert.Equal("Final reward: GRPO 1.5 ± 0.71, mine 4 (band: worst to best seed)", Show.Comparison(Runs).Title);

    [Fact]
    public void A_method_has_the_same_colour_alone_and_in_company_and_no_two_share_one()
    {
        string Colour(Chart chart, string trace) => (string)chart.Figure().Trace(trace)["line"]!["color"]!;
        var all = new[] { "PPO", "mine", "yours", "theirs", "GRPO", "ours", "REINFORCE" }.ToDictionary(n => n, IReadOnlyList<TrainingHistory> (_) => [Histories.Of([0], [1])]);

        var together = Show.Comparison(all);
        Assert.Equal(Colour(Show.RewardCurve(Histories.Of([0], [1])), "mean reward"), Colour(together, "GRPO"));
        Assert.Equal(Colour(Show.Comparison(new Dictionary<string, IReadOnlyList<TrainingHistory>> { ["PPO"] = all["PPO"] }), "PPO"), Colour(together, "PPO"));
        Assert.Equal(all.Count, all.Keys.Select(n => Colour(together, n)).Distinct().Count());
    }

    [Fact]
    public void Nothing_to_compare_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Show.Comparison(new Dictionary<string, IReadOnlyList<TrainingHistory>>()));
        Assert.Contains("mine", Assert.Throws<ArgumentException>(() => Show.Comparison(new Dictionary<string, IReadOnlyList<TrainingHistory>> { ["mine"] = [] })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Show.Comparison(new Dictionary<string, IReadOnlyList<TrainingHistory>> { ["mine"] = [Histories.Empty] }));
    }
}
