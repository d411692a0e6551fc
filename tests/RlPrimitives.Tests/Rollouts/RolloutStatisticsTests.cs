using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rollouts;

/// <summary>What is measured of a collection, against numbers worked out by hand.</summary>
public class RolloutStatisticsTests
{
    [Fact]
    public void Statistics_of_known_trajectories_are_those_worked_out_by_hand()
    {
        Trajectory[] all =
        [
            Of(0, TrajectoryStatus.Terminated, [4]), Of(1, TrajectoryStatus.Terminated, [1, 1]), Of(2, TrajectoryStatus.Truncated, [10]), Of(3, TrajectoryStatus.Truncated, [2, 3, 3]),
            Of(4, TrajectoryStatus.Failed, [100]) with { Error = "FormatException: no" }, Of(5, TrajectoryStatus.Failed, []) with { Error = "TimeoutException: a: b" },
        ];
        var s = RolloutStatistics.Of(all, seconds: 4, retries: 3);
        Assert.Equal((6, 2, 2, 2, 8, 124), (s.Trajectories, s.Terminated, s.Truncated, s.Failed, s.Turns, s.ResponseTokens));
        Assert.Equal((31.0, 3, 2.0 / 6), (s.TokensPerSecond, s.Retries, s.FailedFraction));

        // Lengths of the usable: 2, 4, 8, 10.
        var lengths = s.ResponseLengths;
        Assert.Equal((4, 6.0, 2.0, 6.0, 10.0), (lengths.Count, lengths.Mean, lengths.Min, lengths.P50, lengths.Max));
        Assert.Equal(Math.Sqrt(40 / 3.0), lengths.Std, 1e-12);
        Assert.Equal((2.6, 9.4), (Math.Round(lengths.P10, 9), Math.Round(lengths.P90, 9)));
        Assert.Equal((6.0, 10), (s.MeanResponseLength, s.MaxResponseLength));
        Assert.Equal((1.75, 3.0), (s.TurnCounts.Mean, s.TurnCounts.Max));
        Assert.Equal(3.0, s.PromptLengths.Mean);
        Assert.Equal([(StopReason.StopToken, 7), (StopReason.MaxNewTokens, 1)], s.StopReasons.Select(r => (r.Key, r.Value)));
        Assert.Equal([("FormatException", 1), ("TimeoutException", 1)], s.Errors.Select(r => (r.Key, r.Value)));
        Assert.Equal((12, 4), (s.ToolCalls, s.ToolErrors));
    }

    [Fact]
    public void Statistics_of_nothing_are_no_error_and_claim_no_mean()
    {
        var s = RolloutStatistics.Of([]);
        Assert.Equal((0, 0.0, 0.0, 0.0, 0), (s.Trajectories, s.TokensPerSecond, s.TruncatedFraction, s.FailedFraction, s.ResponseLengths.Count));
        Assert.All((double[])[s.ResponseLengths.Mean, s.ResponseLengths.Min, s.ResponseLengths.P50, s.ResponseLengths.Max], v => Assert.True(double.IsNaN(v)));
    }

    [Fact]
    public async Task The_timeline_fills_the_places_and_no_place_holds_two_at_once()
    {
        using var module = TinyModels.FreshModule();
        Problem[] problems = [.. Enumerable.Range(0, 5).Select(i => new Problem($"p{i}", "qq", ""))];
        var environment = new ScriptedEnvironment(module, problems, new SamplingOptions { MaxNewTokens = 8 }) { Before = (_, token) => Task.Delay(2, token), Ends = (_, turn) => turn.TokenIds[0] % 2 == 0 };
        var batch = await new RolloutManager(environment, new RolloutConfig { GroupSize = 4, NumParallel = 6, MaxSteps = 3 }).CollectAsync(20).Ends();
        var t = batch.Timings;
        Assert.Equal(batch.Trajectories.Select(x => (x.Group, x.Member, x.Status)), t.Timeline.Select(x => (x.Group, x.Member, x.Status)));
        Assert.Equal(Enumerable.Range(0, 6), t.Timeline.Select(x => x.Place).Distinct().Order());
        Assert.All(t.Timeline, x => Assert.True(0 <= x.Start && x.Start <= x.End && x.End <= t.Seconds && x.ModelSeconds > 0 && x.ModelSeconds <= x.Seconds, $"{x}"));
        foreach (var place in t.Timeline.GroupBy(x => x.Place))
        {
            var bars = place.OrderBy(x => x.Start).ToArray();
            Assert.All(bars.Zip(bars.Skip(1)), p => Assert.True(p.First.End <= p.Second.Start));
        }

        Assert.InRange(t.PlaceOccupancy, 0.3, 1);
        Assert.InRange(t.SlotOccupancy!.Value, 0.1, 1);
        Assert.Equal(t.ModelSeconds + t.EnvironmentSeconds, t.Timeline.Sum(x => x.Seconds), 1e-6);
        Assert.Equal(batch.Statistics.ResponseTokens - batch.Statistics.Turns, t.Decoding!.Value.RowSteps); // a turn's first token comes from the prompt
    }

    [Fact]
    public async Task Two_equal_runs_differ_in_their_timings_only()
    {
        using var module = TinyModels.FreshModule();
        var runs = new List<RolloutBatch>();
        for (var i = 0; i < 2; i++)
        {
            runs.Add(await new RolloutManager(new SimpleTextEnvironment(module, [new Problem("p", "q", "")], 2, new SamplingOptions { MaxNewTokens = 5 }), new RolloutConfig { GroupSize = 8 }).CollectAsync(16).Ends());
        }

        Assert.Equal(RolloutManagerTests.Bits(runs[0].Trajectories), RolloutManagerTests.Bits(runs[1].Trajectories));
        Assert.Equal(Text(runs[0].Statistics), Text(runs[1].Statistics));
        Assert.NotEqual(runs[0].Timings.Seconds, runs[1].Timings.Seconds);

        static string Text(RolloutStatistics s) => $"{s with { Seconds = 0 }} {string.Join(',', s.StopReasons)}";
    }

    private static Trajectory Of(int group, TrajectoryStatus status, int[] lengths) => new(
        new Problem($"p{group}", "?", ""), group, 0,
        [.. lengths.Select(n => new Turn([1, 2, 3], new int[n], new float[n], "", n == 10 ? StopReason.MaxNewTokens : StopReason.StopToken, 1)
        {
            ToolCalls = n == 1 || n == 3 ? [new ToolCall("t", "", ""), new ToolCall("t", "", "", "bad"), new ToolCall("t", "", "")] : [],
        })],
        status);
}
