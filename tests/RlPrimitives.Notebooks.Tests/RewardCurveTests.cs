namespace RlPrimitives.Notebooks.Tests;

public class RewardCurveTests
{
    [Fact]
    public void The_curve_is_the_mean_of_each_iteration_and_the_band_one_standard_deviation_within_what_was_seen()
    {
        var figure = Show.RewardCurve(Histories.Of([0, 0, 1, 1], [1, 1, 1, 3])).Figure();

        Assert.Equal([1, 2], figure.Trace("mean reward")["x"].Numbers());
        Assert.Equal([0.5, 1.5], figure.Trace("mean reward")["y"].Numbers());
        // Bessel: 0.5 ± 0.57735 and 1.5 ± 1; up along the band, then back.
        Assert.Equal([1, 2, 2, 1], figure.Trace("±1 std of the trajectories")["x"].Numbers());
        // Nobody got more than 1 in the first iteration, or less than 1 in the second: the band ends there.
        Assert.Equal([1, 2.5, 1, 0], figure.Trace("±1 std of the trajectories")["y"].Numbers());
    }

    [Fact]
    public void The_title_states_the_finding_and_the_axes_what_they_measure()
    {
        var chart = Show.RewardCurve(Histories.Of([0.25f, 0.75f], [1, 1]));

        Assert.Equal("Mean reward 0.5 → 1 in 2 iterations of GRPO", chart.Title);
        var layout = chart.Figure()["layout"]!;
        Assert.Equal(chart.Title, (string?)layout["title"]!["text"]);
        Assert.Equal("iteration", (string?)layout["xaxis"]!["title"]!["text"]);
        Assert.Equal("reward per trajectory", (string?)layout["yaxis"]!["title"]!["text"]);
    }

    [Theory]
    [InlineData(0.9, 0.15, "; predicted 0.9 ± 0.15: met")]
    [InlineData(0.9, 0.05, "; predicted 0.9 ± 0.05: not met")]
    [InlineData(0.9, 0, "; predicted 0.9")]
    public void A_prediction_is_dashed_and_judged_only_with_a_tolerance(double predicted, double tolerance, string verdict)
    {
        var chart = Show.RewardCurve(Histories.Of([0, 0], [1, 1]), predicted, tolerance);

        Assert.EndsWith(verdict, chart.Title, StringComparison.Ordinal);
        var line = chart.Figure()["data"]!.AsArray().Single(t => ((string?)t!["name"])!.StartsWith("predicted", StringComparison.Ordinal))!;
        Assert.Equal("dash", (string?)line["line"]!["dash"]);
        Assert.Equal([predicted, predicted], line["y"].Numbers());
        Assert.Equal(tolerance > 0, chart.ToJson().Contains("\"tolerance\"", StringComparison.Ordinal));
        Assert.Null(chart.Figure().Trace("mean reward")["line"]!["dash"]);
    }

    [Fact]
    public void An_iteration_without_usable_trajectories_is_a_gap()
    {
        var chart = Show.RewardCurve(Histories.Of([0, 1], [], [1, 1]));

        Assert.Equal([0.5, null, 1], chart.Figure().Trace("mean reward")["y"].Numbers());
        Assert.Equal([1, 3, 3, 1], chart.Figure().Trace("±1 std of the trajectories")["x"].Numbers());
        Assert.DoesNotContain("NaN", chart.ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_run_averages_neighbours_and_says_so()
    {
        var figure = Show.RewardCurve(Histories.Of([.. Enumerable.Range(1, 600).Select(i => new[] { (float)i })])).Figure();

        Assert.Equal([1.5, 3.5, 5.5], figure.Trace("mean reward")["y"].Numbers()[..3]);
        Assert.Equal("iteration (each point averages 2)", (string?)figure["layout"]!["xaxis"]!["title"]!["text"]);
    }

    [Fact]
    public void One_iteration_is_a_dot_with_a_band_that_can_be_seen()
    {
        var chart = Show.RewardCurve(Histories.Of([0, 1]));

        Assert.Equal("Mean reward 0.5 after 1 iteration of GRPO", chart.Title);
        Assert.Equal("markers", (string?)chart.Figure().Trace("mean reward")["mode"]);
        Assert.Equal([0.5, 1.5, 1.5, 0.5], chart.Figure().Trace("±1 std of the trajectories")["x"].Numbers());
    }

    [Fact]
    public void A_negative_tolerance_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Show.RewardCurve(Histories.Of([1]), 0.5, -1));
}
