using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rewards;

public class RewardComputerTests
{
    /// <summary>Methods, and what they make of the scores 1 and 3.</summary>
    public static TheoryData<IRewardMethod, float, float> Methods => new()
    {
        { RewardMethod.Absolute, 1, 3 }, { RewardMethod.RelativeRank, 0, 1 }, { RewardMethod.RelativeZScore, -.7071063f, .7071063f }, { RewardMethod.LeaveOneOut, -2, 2 },
        { RewardMethod.NormalizeThenSum, -.7070568f, .7070568f }, { RewardMethod.Pareto(), 0, 1 },
    };

    [Fact]
    public async Task Rewards_from_a_function_are_its_values()
    {
        var batch = await RewardComputer.From(t => t.Response.Length, "length").ComputeRewardsAsync([Of("a"), Of("abc")]);
        Assert.Equal([1f, 3f], batch.Totals);
        Assert.Equal([1f, 3f], batch.Objectives["length"]);
        Assert.Equal(2, batch.ObjectiveMeans()["length"]);
        Assert.Equal(RewardMethod.Absolute, batch.Method);
    }

    [Fact]
    public async Task Functions_with_names_stand_beside_other_objectives_and_may_abstain()
    {
        var computer = new RewardComputer((Objective.From("length", t => t.Response.Length), 1f), (Objective.From("a only", t => t.Response == "a" ? 5 : null), 2f), (new ExactMatch(), 0f));
        var batch = await computer.ComputeRewardsAsync([Of("a"), Of("abc")]);
        Assert.Equal([11f, 3f], batch.Totals);
        Assert.Equal([5f, null], batch.Objectives["a only"]);
        Assert.Throws<ArgumentException>(() => Objective.From("", _ => 1));
    }

    [Fact]
    public async Task Objectives_are_weighted_and_kept_apart()
    {
        var computer = new RewardComputer((new Fixed("a", 1, 2), 1f), (new Fixed("b", 10, null), 0.5f), (new Fixed("c", null, null), 100f));
        var batch = await computer.ComputeRewardsAsync([Of("0"), Of("1")]);
        Assert.Equal([6f, 2f], batch.Totals);
        Assert.Equal([10f, null], batch.Objectives["b"]);
        Assert.Equal((1.5, 10), (batch.ObjectiveMeans()["a"], batch.ObjectiveMeans()["b"]));
        Assert.True(double.IsNaN(batch.ObjectiveMeans()["c"]));
    }

    [Fact]
    public async Task Correlations_within_groups_tell_which_objective_the_rewards_follow()
    {
        // (0, 0), (1, 0), (0, 1), (1, 1) with R = 3a + b: 3/√10 and 1/√10. Far above it (9, 0), (8, 0), where only a varies: 1.
        Trajectory[] batch = [.. Scored.Groups(["00", "10", "01", "11"], ["90", "80"])];
        var computer = new RewardComputer((new Digit("a", 0), 3f), (new Digit("b", 1), 1f), (new Digit("same", 2), 1f));
        var scored = await computer.ComputeRewardsAsync(batch);
        var correlations = scored.CorrelationsWithinGroups(batch);
        Assert.Equal(((3 / Math.Sqrt(10)) + 1) / 2, correlations["a"], 9);
        Assert.Equal(1 / Math.Sqrt(10), correlations["b"], 9);
        Assert.True(double.IsNaN(correlations["same"]));
        Assert.Throws<ArgumentException>(() => scored.CorrelationsWithinGroups(batch[1..]));
    }

    [Fact]
    public async Task Correlations_leave_out_what_has_no_reward_or_no_score()
    {
        Trajectory[] batch = [.. Scored.Groups(["0", "1", "x"]), Scored.Failed(0, 3)];
        var scored = await RewardComputer.From(t => t.Response == "x" ? null : (float?)-t.Response[0], "code").ComputeRewardsAsync(batch);
        Assert.Equal(1, scored.CorrelationsWithinGroups(batch)["code"], 9);
    }

    private sealed record Digit(string Name, int Place) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) =>
            ValueTask.FromResult<float?>(Place < trajectory.Response.Length ? trajectory.Response[Place] - '0' : 7);
    }

    [Fact]
    public async Task A_trajectory_on_which_all_abstain_has_no_reward()
    {
        var batch = await RewardComputer.From(t => t.Response == "0" ? 1f : null).ComputeRewardsAsync([Of("0"), Of("1")]);
        Assert.Equal([1f, null], batch.Totals);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public async Task A_score_that_is_not_finite_is_an_error_that_names_objective_and_trajectory(float bad)
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RewardComputer.From(_ => bad, "speed").ComputeRewardsAsync([Of("0")]));
        Assert.Contains("'speed'", error.Message, StringComparison.Ordinal);
        Assert.Contains("'p0'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_objective_that_throws_is_named_and_what_it_threw_is_kept()
    {
        float Broken(Trajectory t) => throw new FormatException("broken");
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RewardComputer.From(Broken, "speed").ComputeRewardsAsync([Of("0")]));
        Assert.Contains("'speed'", error.Message, StringComparison.Ordinal);
        Assert.IsType<FormatException>(error.InnerException);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        float Cancelled(Trajectory t) => throw new OperationCanceledException(cancelled.Token);
        await Assert.ThrowsAsync<OperationCanceledException>(() => RewardComputer.From(Cancelled).ComputeRewardsAsync([Of("0")], default, cancelled.Token));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task A_failed_trajectory_is_not_scored_and_is_outside_its_group(IRewardMethod method, float first, float second)
    {
        var asked = new List<string>();
        var computer = RewardComputer.From(t => { asked.Add(t.Response); return float.Parse(t.Response); });
        Trajectory[] all = [Of("1"), Of("7") with { Status = TrajectoryStatus.Failed }, Of("3"), Of("2") with { Turns = [] }];
        var batch = await computer.ComputeRewardsAsync(all, method);
        Assert.Equal(["1", "3"], asked);
        Assert.Null(batch.Totals[1]);
        Assert.Null(batch.Totals[3]);
        Assert.Equal(first, batch.Totals[0]!.Value, 1e-6);
        Assert.Equal(second, batch.Totals[2]!.Value, 1e-6);
        Assert.Equal([1f, null, 3f, null], batch.Objectives["reward"]); // objectives stay as scored
    }

    [Fact]
    public async Task Relative_rewards_are_taken_within_each_group()
    {
        var computer = RewardComputer.From(t => float.Parse(t.Response));
        Trajectory[] all = [Of("5", 0), Of("1", 1), Of("6", 0), Of("1", 1), Of("7", 0), Of("9", 2)];
        Assert.Equal([0f, .5f, .5f, .5f, 1f, .5f], (await computer.ComputeRewardsAsync(all, RewardMethod.RelativeRank)).Totals);
        var z = (await computer.ComputeRewardsAsync(all, RewardMethod.RelativeZScore)).Totals;
        Assert.Equal([-.999999f, 0, 0, 0, .999999f, 0], z.Select(x => x!.Value));
    }

    [Fact]
    public void Ranks_and_standard_scores_have_their_literal_values()
    {
        Assert.Equal([0f, 1 / 3f, 5 / 6f, 5 / 6f], RelativeRewards.Ranks([.2f, .5f, .9f, .9f]));
        Assert.Equal([.5f, .5f, .5f], RelativeRewards.Ranks([4f, 4, 4]));
        Assert.Equal([.5f], RelativeRewards.Ranks([4f]));
        Assert.Equal([1f, 0], RelativeRewards.Ranks([-1f, -2]));
        Assert.Empty(RelativeRewards.Ranks([]));
        var z = RelativeRewards.ZScores([.2f, .5f, .9f, .9f]);
        Assert.All(new[] { -1.248737, -.367276, .808006, .808006 }.Zip(z), p => Assert.Equal(p.First, p.Second, 2e-6));
        Assert.Equal([0f, 0, 0], RelativeRewards.ZScores([.1f, .1f, .1f]));
        Assert.Equal([0f], RelativeRewards.ZScores([4f]));
    }

    [Fact]
    public void Objectives_need_names_of_their_own()
    {
        Assert.Contains("'a'", Assert.Throws<ArgumentException>(() => new RewardComputer((new Fixed("a"), 1), (new Fixed("a"), 1))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new RewardComputer());
    }

    private static Trajectory Of(string text, int group = 0) =>
        new(new Problem($"p{text}", "", ""), group, 0, [new Turn([1], [2], [-1], text, StopReason.StopToken, 1)], TrajectoryStatus.Terminated);

    /// <summary>Scores by the trajectory's text, asynchronously.</summary>
    private sealed class Fixed(string name, params float?[] scores) : IObjective
    {
        public string Name => name;

        public async ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
        {
            await Task.Yield();
            return scores[int.Parse(trajectory.Response)];
        }
    }
}
