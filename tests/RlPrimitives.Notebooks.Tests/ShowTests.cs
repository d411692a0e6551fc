using RlPrimitives.Algorithms;

namespace RlPrimitives.Notebooks.Tests;

public class ShowTests
{
    public static TheoryData<string> Calls => ["RewardCurve", "RewardDistribution", "Diagnostics", "Lengths", "Objectives"];

    private static Chart Call(string name, TrainingHistory history) => name switch
    {
        "RewardCurve" => Show.RewardCurve(history),
        "RewardDistribution" => Show.RewardDistribution(history),
        "Diagnostics" => Show.Diagnostics(history),
        "Lengths" => Show.Lengths(history),
        _ => Show.Objectives(history),
    };

    [Theory, MemberData(nameof(Calls))]
    public void An_empty_history_is_refused_with_a_reason(string call)
    {
        var error = Assert.Throws<ArgumentException>(() => Call(call, Histories.Empty));
        Assert.Contains("no steps", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Few_reward_values_get_one_bar_each_in_the_first_and_last_iterations()
    {
        var chart = Show.RewardDistribution(Histories.Of([0, 0, 0, 1], [0, 1, 1, 1]));

        var figure = chart.Figure();
        Assert.Equal(["0", "1"], figure.Trace("iteration 1")["x"]!.AsArray().Select(v => (string?)v));
        Assert.Equal([75, 25], figure.Trace("iteration 1")["y"].Numbers());
        Assert.Equal([25, 75], figure.Trace("iteration 2")["y"].Numbers());
        Assert.Equal("Rewards 0.25 ± 0.5 → 0.75 ± 0.5 (mean ± std) in 2 iterations of GRPO", chart.Title);
        Assert.Equal(" %", (string?)figure["layout"]!["yaxis"]!["ticksuffix"]);
    }

    [Fact]
    public void Many_reward_values_get_equal_ranges_that_hold_all_of_them()
    {
        var figure = Show.RewardDistribution([.. Enumerable.Range(0, 1000).Select(i => i / 1000f)]).Figure();

        Assert.Equal(100, figure.Trace("rewards")["y"].Numbers().Sum()!.Value, 3);
        Assert.InRange(figure.Trace("rewards")["y"]!.AsArray().Count, 8, 40);
    }

    [Fact]
    public void Rewards_that_are_not_finite_are_left_out_and_counted()
    {
        var chart = Show.RewardDistribution([0, 1, float.NaN, float.PositiveInfinity], "Held out");

        Assert.Equal("Held out (2 not finite left out)", chart.Title);
        Assert.Equal([50, 50], chart.Figure().Trace("rewards")["y"].Numbers());
        Assert.Throws<ArgumentException>(() => Show.RewardDistribution([float.NaN]));
    }

    [Fact]
    public void Diagnostics_have_a_panel_with_a_unit_for_every_measure()
    {
        var chart = Show.Diagnostics(Histories.Of([0, 1], [1, 1]));

        var figure = chart.Figure();
        Assert.Equal([2, 1], figure.Trace("entropy")["y"].Numbers());
        Assert.Equal([0.01, 0.02], figure.Trace("KL")["y"].Numbers());
        Assert.Equal([2, 2], figure.Trace("clipped below")["y"].Numbers());
        Assert.Equal([3, 3], figure.Trace("clipped above")["y"].Numbers());
        Assert.Equal([0.7, 0.7], figure.Trace("gradient norm")["y"].Numbers());
        Assert.Equal([12, 12], figure.Trace("mean response length")["y"].Numbers());
        Assert.Equal([25, 25], figure.Trace("truncated trajectories")["y"].Numbers());
        Assert.Equal([25, 25], figure.Trace("groups of equal reward")["y"].Numbers());
        Assert.Equal(
            ["entropy, nats per token", "KL to reference, nats per token", "clipped, % of tokens", "gradient norm before clipping, L2", "response length, tokens", "% of trajectories, % of groups"],
            figure["layout"]!["annotations"]!.AsArray().Select(a => (string?)a!["text"]));
        Assert.Equal("Entropy 2 → 1 nats, KL 0.02 nats, 5 % clipped after 2 iterations of GRPO", chart.Title);
    }

    [Fact]
    public void Objectives_missing_from_a_step_are_gaps()
    {
        TrainingHistory history = new("PPO", [Histories.Step(1, 2, [1], 1, ("correct", 0.5)), Histories.Step(2, 2, [1], 1, ("correct", 0.75), ("short", 1))]);

        var figure = Show.Objectives(history).Figure();
        Assert.Equal([0.5, 0.75], figure.Trace("correct")["y"].Numbers());
        Assert.Equal([null, 1], figure.Trace("short")["y"].Numbers());
    }

    [Fact]
    public void Lengths_show_mean_and_longest_in_tokens()
    {
        var chart = Show.Lengths(Histories.Of([0], [1]));

        Assert.Equal([12, 12], chart.Figure().Trace("mean")["y"].Numbers());
        Assert.Equal([31, 31], chart.Figure().Trace("longest")["y"].Numbers());
        Assert.Contains("tokens", (string?)chart.Figure()["layout"]!["yaxis"]!["title"]!["text"], StringComparison.Ordinal);
        Assert.EndsWith("25 % truncated at the end", chart.Title, StringComparison.Ordinal);
    }
}
