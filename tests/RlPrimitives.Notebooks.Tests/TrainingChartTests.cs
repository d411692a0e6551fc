using RlPrimitives.Algorithms;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tests;

public class TrainingChartTests
{
    private static TrainingHistory WithVolumes(params (double? Batch, double? Group)[] volumes) => new("GRPO", [.. volumes.Select((v, i) =>
        Histories.Step(i + 1, volumes.Length, [1]) with { Hypervolume = v.Batch, GroupHypervolume = v.Group })]);

    [Fact]
    public void Hypervolume_shows_batch_and_groups_and_judges_the_prediction()
    {
        var chart = Show.Hypervolume(WithVolumes((1, 0.5), (3, 1)), predicted: 3, tolerance: 0.5);

        Assert.Equal([1.0, 3], chart.Figure().Trace("of the batch")["y"].Numbers());
        Assert.Equal([0.5, 1], chart.Figure().Trace("mean of the groups")["y"].Numbers());
        Assert.Equal("dash", (string?)chart.Figure().Trace("predicted 3 ± 0.5")["line"]!["dash"]);
        Assert.Equal("Hypervolume 1 → 3, within a group 0.5 → 1, in 2 iterations of GRPO; predicted 3 ± 0.5: met", chart.Title);
        Assert.Contains("ReferencePoint", Assert.Throws<ArgumentException>(() => Show.Hypervolume(WithVolumes((null, null)))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Hypervolumes_of_methods_are_compared_over_seeds()
    {
        Dictionary<string, IReadOnlyList<TrainingHistory>> runs = new() { ["GRPO"] = [WithVolumes((1, 0), (2, 1)), WithVolumes((3, 0), (4, 3))] };

        Assert.Equal([2.0, 3], Show.Hypervolume(runs).Figure().Trace("GRPO (2 seeds)")["y"].Numbers());
        Assert.Equal([0.0, 2], Show.Hypervolume(runs, perGroup: true).Figure().Trace("GRPO (2 seeds)")["y"].Numbers());
        Assert.StartsWith("Final hypervolume of the batch: GRPO 3 ± 1.4", Show.Hypervolume(runs).Title, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_measure_of_a_step_can_be_compared()
    {
        var chart = Show.Comparison(new Dictionary<string, IReadOnlyList<TrainingHistory>> { ["PPO"] = [Histories.Of([1], [2])] }, measure: s => s.Update.Entropy, name: "entropy, nats");

        Assert.Equal([2.0, 1], chart.Figure().Trace("PPO")["y"].Numbers());
        Assert.Equal(("Final entropy, nats: PPO 1", "entropy, nats"), (chart.Title, (string?)chart.Figure()["layout"]!["yaxis"]!["title"]!["text"]));
    }

    [Fact]
    public void Advantages_are_coloured_by_what_the_update_does()
    {
        var chart = Show.Advantages([1, 1, 0, 0.5f, null], [2, 2, -1, 0, 3], [.. Enumerable.Range(0, 5).Select(i => Histories.Trajectory("x", i))]);

        var more = chart.Figure().Trace("made more likely");
        Assert.Equal([1.0], more["x"].Numbers());
        Assert.Equal([2.0], more["y"].Numbers());
        Assert.Equal("#0072B2", (string?)more["marker"]!["color"]);
        Assert.Equal("reward 1, advantage 2<br>trajectory 3.0, 3.1<br>“x”", (string?)more["hovertext"]![0]);
        Assert.Equal("#D55E00", (string?)chart.Figure().Trace("made less likely")["marker"]!["color"]);
        Assert.Equal([0.0], chart.Figure().Trace("no signal")["y"].Numbers());
        Assert.Equal("Of 4 trajectories 2 are made more likely, 1 less, 1 give no signal", chart.Title);
        Assert.Throws<ArgumentException>(() => Show.Advantages([1f], [1, 2]));
        Assert.Throws<ArgumentException>(() => Show.Advantages([null], [1]));
    }

    [Fact]
    public void Ratios_outside_the_clip_range_are_counted_and_coloured()
    {
        var chart = Show.Ratios([0.5f, 0.9f, 1, 1, 1.1f, 1.25f, 1.5f, float.NaN], 0.2, 0.28);

        Assert.Equal("28.6 % of 7 ratios are outside 0.8 to 1.28 (1 below, 1 above) (1 not finite left out)", chart.Title);
        var shade = chart.Figure().Trace("not clipped: 0.8 to 1.28");
        Assert.Equal([0.8, 1.28, 1.28, 0.8], shade["x"].Numbers());
        Assert.Equal(500 / 7.0, chart.Figure().Trace("inside")["y"].Numbers().Sum()!.Value, 2);
        Assert.Equal(200 / 7.0, chart.Figure().Trace("outside")["y"].Numbers().Sum()!.Value, 2);
        Assert.All(chart.Figure().Trace("outside")["x"].Numbers(), x => Assert.False(x is > 0.8 and < 1.28));
        Assert.Throws<ArgumentOutOfRangeException>(() => Show.Ratios([1], -1, 0));
        Assert.Throws<ArgumentException>(() => Show.Ratios([float.NaN]));
    }

    [Fact]
    public void The_timeline_has_a_bar_for_each_attempt_by_how_it_ended()
    {
        var timings = new RolloutTimings(4, 2, [
            new TrajectoryTiming(3, 0, 0, 0, 0, 2, 1.5, 0.25, TrajectoryStatus.Terminated),
            new TrajectoryTiming(3, 1, 1, 1, 0.5, 4, 3, 0, TrajectoryStatus.Failed),
        ], new BackendActivity(2, 10, 15, 0, 0));

        var chart = Show.Timeline(timings);
        var bar = chart.Figure().Trace("failed");
        Assert.Equal(("bar", "h", "#D55E00"), ((string?)bar["type"], (string?)bar["orientation"], (string?)bar["marker"]!["color"]));
        Assert.Equal([1.0], bar["y"].Numbers());
        Assert.Equal([0.5], bar["base"].Numbers());
        Assert.Equal([3.5], bar["x"].Numbers());
        Assert.Equal("trajectory 3.1, attempt 2<br>3.5 s: model 3, tools 0, environment 0.5", (string?)bar["hovertext"]![0]);
        Assert.Equal("68.8 % of 2 places in use over 4 s, 75 % of the decode slots; 2 attempts", chart.Title);
        Assert.Equal("trajectory 3.0<br>“well”<br>2 s: model 1.5, tools 0.25, environment 0.25", (string?)Show.Timeline(timings, [Histories.Trajectory("well")]).Figure().Trace("terminated")["hovertext"]![0]);
        Assert.Throws<ArgumentException>(() => Show.Timeline(timings with { Timeline = [] }));
        Assert.Throws<ArgumentException>(() => Show.Timeline(Histories.Step(1, 1, [1])));
    }

    [Fact]
    public void A_timeline_of_thousands_stays_within_the_size_and_says_what_it_shows()
    {
        var chart = Show.Timeline(new RolloutTimings(300, 32, [.. Enumerable.Range(0, 2048).Select(i => new TrajectoryTiming(i, 0, 0, i % 32, i / 32.0, (i / 32.0) + 0.7, 0.5, 0.1, (TrajectoryStatus)(i % 3)))], null));

        Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length, 1_000, 60_000);
        Assert.EndsWith("; the first 400 of 2048 attempts", chart.Title, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(DistributionKind.Violin)]
    [InlineData(DistributionKind.Ridge)]
    public void Curves_over_training_have_one_shape_and_one_mean_for_each_stretch(DistributionKind kind)
    {
        var chart = Show.RewardDistribution(Histories.Of([0, 0], [0, 1], [1, 1]), kind);

        var means = chart.Figure().Trace("mean");
        Assert.Equal([1.0, 2, 3], means[kind == DistributionKind.Violin ? "x" : "y"].Numbers());
        Assert.Equal([0, 0.5, 1], means[kind == DistributionKind.Violin ? "y" : "x"].Numbers());
        Assert.Equal("iteration 2: mean 0.5 ± 0.71 std, 2 values, 0 to 1", (string?)means["hovertext"]![1]);
        Assert.Equal(3, chart.Figure()["data"]!.AsArray().Count(t => (string?)t!["fill"] == "toself"));
        Assert.InRange(Show.RewardDistribution(Histories.Random(1000, 64, 1), kind) is var big ? big.ToJson().Length + big.ToHtml().Length : 0, 1_000, 60_000);
    }

    [Fact]
    public void A_curve_reaches_no_further_than_its_own_values()
    {
        var chart = Show.RewardDistribution(Histories.Of([0, 0.02f, 0], [5, 5.02f, 5], [10, 10.02f, 10]), DistributionKind.Violin);

        var reaches = chart.Figure()["data"]!.AsArray().Where(t => t!["fill"] is not null).Select(t => t!["y"].Numbers()).ToArray();
        Assert.All(reaches.Zip([0.0, 5, 10]), r => Assert.All(r.First, y => Assert.InRange(y!.Value, r.Second - 1, r.Second + 1.1)));
        Assert.Equal(["1", "2", "3"], chart.Figure()["layout"]!["xaxis"]!["ticktext"]!.AsArray().Select(t => (string?)t));
    }

    [Fact]
    public void One_value_for_all_is_drawn_narrow_on_a_wide_axis()
    {
        var figure = Show.RewardDistribution(Histories.Of([1, 1], [1, 1]), DistributionKind.Ridge).Figure();

        Assert.Equal([0.5, 1.5], figure["layout"]!["xaxis"]!["range"].Numbers());
        Assert.All(figure["data"]!.AsArray().Where(t => t!["fill"] is not null), t => Assert.All(t!["x"].Numbers(), x => Assert.InRange(x!.Value, 0.9, 1.1)));
    }

    [Fact]
    public void What_a_distribution_leaves_out_is_counted()
    {
        Assert.EndsWith("(2 abstentions left out)", Show.RewardDistribution(Histories.Scored([(0, null), (1, 1)], [(1, null), (1, 0)]), objective: "brevity").Title, StringComparison.Ordinal);
        Assert.EndsWith("(1 not finite left out)", Show.RewardDistribution(Histories.Of([0, float.NaN], [1, 1])).Title, StringComparison.Ordinal);
        Assert.Equal("Rewards 0.5 ± 0.71 (mean ± std) in 1 iteration of GRPO", Show.RewardDistribution(Histories.Of([0, 1]), DistributionKind.Violin).Title);
        Assert.Equal("One reward, 0.5", Show.RewardDistribution([0.5f]).Title);
    }

    [Fact]
    public void More_methods_than_colours_are_told_apart_by_dots_and_named_in_the_legend_alone()
    {
        Dictionary<string, IReadOnlyList<TrainingHistory>> runs = Enumerable.Range(0, 8).ToDictionary(
            m => $"a method with a long name {m}", m => (IReadOnlyList<TrainingHistory>)[Histories.Random(300, 4, m), Histories.Random(300, 4, m + 8)]);

        var chart = Show.Comparison(runs);
        var lines = chart.Figure()["data"]!.AsArray().Where(t => t!["fill"] is null).Select(t => ((string?)t!["line"]!["color"], (string?)t["line"]!["dash"])).ToArray();
        Assert.Equal(8, lines.Distinct().Count());
        Assert.StartsWith("Final reward of 8 methods: from a method", chart.Title, StringComparison.Ordinal);
        Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length, 1_000, 60_000);
    }

    [Fact]
    public void Small_values_are_labelled_in_numbers_not_with_prefixes() =>
        Assert.Equal("~g", (string?)Show.Diagnostics(Histories.Of([0], [1])).Figure()["layout"]!["yaxis2"]!["tickformatstops"]![0]!["value"]);

    [Fact]
    public void A_distribution_can_be_of_one_objective()
    {
        var history = Histories.Scored([(0, -3), (1, null)], [(1, -1), (1, -1)]);

        Assert.Equal([100.0, 0], Show.RewardDistribution(history, objective: "brevity").Figure().Trace("iteration 1")["y"].Numbers());
        Assert.StartsWith("Scores of correct 0.5 ± 0.71 → 1 ± 0", Show.RewardDistribution(history, DistributionKind.Ridge, "correct").Title, StringComparison.Ordinal);
        Assert.Contains("'correct', 'brevity'", Assert.Throws<ArgumentException>(() => Show.RewardDistribution(history, objective: "wit")).Message, StringComparison.Ordinal);
    }

    private static EvaluationResult Evaluated(double first, double last) =>
        new(50, 8, new Dictionary<int, Interval> { [8] = new(last, last - 0.1, last + 0.1), [1] = new(first, first - 0.05, first + 0.05) }, new(first, 0, 1), first, 1);

    [Fact]
    public void Pass_at_k_is_a_curve_in_the_order_of_k_with_its_intervals()
    {
        var chart = Show.PassAtK([("before", Evaluated(0.2, 0.5)), ("after", Evaluated(0.6, 0.8))]);

        var line = chart.Figure()["data"]!.AsArray().Single(t => (string?)t!["name"] == "after" && t["fill"] is null)!;
        Assert.Equal([1.0, 8], line["x"].Numbers());
        Assert.Equal([60.0, 80], line["y"].Numbers());
        var band = chart.Figure()["data"]!.AsArray().First(t => t!["fill"] is not null)!;
        Assert.Equal([25.0, 60, 40, 15], band["y"].Numbers());
        Assert.Equal("before: pass@1 20 % → pass@8 50 %; after: pass@1 60 % → pass@8 80 % (95 % intervals, 50 problems, 8 responses each)", chart.Title);
        Assert.Equal("log", (string?)chart.Figure()["layout"]!["xaxis"]!["type"]);
        Assert.Equal("pass@1 60 % → pass@8 80 % (95 % intervals, 50 problems, 8 responses each)", Show.PassAtK(Evaluated(0.6, 0.8)).Title);
        Assert.Throws<ArgumentException>(() => Show.PassAtK(Histories.Of([1])));
        Assert.Throws<ArgumentException>(() => Show.PassAtK(Evaluated(0, 0) with { PassAt = new Dictionary<int, Interval>() }));
    }

    [Fact]
    public void The_speed_profile_shares_the_wall_time_out_as_the_trajectories_spent_theirs()
    {
        var timings = new RolloutTimings(2, 4, [new TrajectoryTiming(0, 0, 0, 0, 0, 2, 1, 0.5, TrajectoryStatus.Terminated)], null);
        TrainingHistory history = new("GRPO", [Histories.Step(1, 2, [1]) with { Timings = timings, UpdateTokensPerSecond = 500 }, Histories.Step(2, 2, [1]) with { Timings = timings, UpdateTokensPerSecond = 700 }]);

        var chart = Show.SpeedProfile(history);
        Assert.Equal("3 s per iteration: 33.3 % generation, 16.7 % tools, 16.7 % environment, 33.3 % update; 48 tokens/s sampled (2 iterations of GRPO)", chart.Title);
        var update = chart.Figure()["data"]!.AsArray().Single(t => (string?)t!["name"] == "update" && t["fill"] is null)!;
        Assert.Equal([3.0, 3], update["y"].Numbers());
        Assert.Equal([48.0, 48], chart.Figure().Trace("sampled")["y"].Numbers());
        Assert.Equal([500.0, 700], chart.Figure().Trace("trained")["y"].Numbers());
        TrainingHistory longer = new("GRPO", [.. Histories.Random(300, 4, 1).Select(s => s with { Timings = timings, UpdateTokensPerSecond = 1000 / (s.Iteration + 0.7) })]);
        Assert.InRange(Show.SpeedProfile(longer) is var big ? big.ToJson().Length + big.ToHtml().Length : 0, 1_000, 60_000);
        Assert.StartsWith("3 s per iteration: 66.7 % generation, 33.3 % update", Show.SpeedProfile(Histories.Of([1])).Title, StringComparison.Ordinal);
    }

    [Fact]
    public void An_alarm_is_marked_once_where_it_begins_on_the_panel_it_is_about()
    {
        Alarm collapse = new("entropy collapse", "entropy 0.1 is low", "raise it"), truncation = new("truncation", "60 % were cut", "raise the limit");
        TrainingHistory history = new("GRPO", [Histories.Step(1, 3, [1]), Histories.Step(2, 3, [1]) with { Alarms = [collapse, truncation] }, Histories.Step(3, 3, [1]) with { Alarms = [collapse] }]);

        var chart = Show.Diagnostics(history);
        var marks = chart.Figure()["data"]!.AsArray().Where(t => (string?)t!["name"] == "alarm").ToArray();
        Assert.Equal([(null, "2", "1"), ("y6", "2", "25")], marks.Select(m => ((string?)m!["yaxis"], m["x"]![0]!.ToJsonString(), m["y"]![0]!.ToJsonString())));
        Assert.Contains("raise it", (string?)marks[0]!["hovertext"]![0], StringComparison.Ordinal);
        Assert.EndsWith("; alarms: entropy collapse from iteration 2, truncation from iteration 2", chart.Title, StringComparison.Ordinal);
    }
}
