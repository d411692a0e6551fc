using System.Collections.Concurrent;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rewards;

public class RewardScoringTests
{
    [Fact]
    public async Task A_function_is_a_reward_and_a_failed_trajectory_has_none()
    {
        var scored = await RewardComputer.From(t => t.Response.Length).ComputeRewardsAsync([Scored.Trajectory("abc"), Scored.Failed(), Scored.Trajectory("")], RewardMethod.Absolute);
        Assert.Equal([3, null, 0], scored.Totals);
        Assert.Equal(RewardMethod.Absolute, scored.Method);
        Assert.Equal(1.5, scored.ObjectiveMeans()["reward"]);
    }

    [Fact]
    public async Task Objectives_are_weighed_kept_apart_and_may_abstain()
    {
        var computer = new RewardComputer((new Contains("a"), 2), (new ResponseLength(), 0.5f), (new ExactMatch(), 1));
        var scored = await computer.ComputeRewardsAsync([Scored.Trajectory("a"), Scored.Trajectory("b")]);
        Assert.Equal([1, -1], scored.Totals);
        Assert.Equal([-2, -2], scored.Objectives["length"]);
        Assert.Equal([null, null], scored.Objectives["exact_match"]);
        Assert.True(double.IsNaN(scored.ObjectiveMeans()["exact_match"]));
        Assert.Equal(default, scored.Failures["length"]);
        Assert.Null(scored.Hypervolume);
    }

    [Fact]
    public async Task Volumes_are_of_the_batch_and_of_its_groups_on_average()
    {
        // Lengths 1 and 3 in the first group, 2 in the second; "a" is right. Over the corner (wrong, 4 long): 1·(4 − 1) for "a", 0 for what is wrong.
        var computer = new RewardComputer(new RewardOptions { ReferencePoint = [0, -4] }, (new Contains("a"), 1), (new Letters(), 1));
        var scored = await computer.ComputeRewardsAsync(Scored.Groups(["a", "bbb"], ["bb", "bb"]));
        Assert.Equal((3, 1.5), (scored.Hypervolume, scored.GroupHypervolume));
    }

    private sealed record Letters : IObjective
    {
        public string Name => "letters";

        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult<float?>(-trajectory.Response.Length);
    }

    [Fact]
    public async Task Scores_stand_in_the_trajectories_order_whichever_comes_first()
    {
        var answers = Enumerable.Range(0, 6).Select(_ => new TaskCompletionSource<float?>()).ToArray();
        var computer = new RewardComputer((new Asked("slow", (t, _) => answers[t.Member].Task), 1), (new Asked("fast", (t, _) => Task.FromResult<float?>(10 * t.Member)), 1));
        var pending = computer.ComputeRewardsAsync(Scored.Groups(["", "", "", "", "", ""]));
        foreach (var i in new[] { 3, 0, 5, 1, 4, 2 })
        {
            Assert.False(pending.IsCompleted);
            answers[i].SetResult(i);
        }

        Assert.Equal([0, 11, 22, 33, 44, 55], (await pending).Totals);
    }

    [Fact]
    public async Task No_more_scores_are_awaited_at_once_than_allowed()
    {
        var waiting = new ConcurrentQueue<TaskCompletionSource<float?>>();
        var (now, most) = (0, 0);
        var judge = new Asked("judge", async (_, _) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref now)); // called one after another
            var answer = new TaskCompletionSource<float?>();
            waiting.Enqueue(answer);
            var score = await answer.Task;
            Interlocked.Decrement(ref now);
            return score;
        });
        var pending = new RewardComputer(new RewardOptions { MaxConcurrency = 3 }, (judge, 1)).ComputeRewardsAsync(Scored.Groups(["", "", "", "", "", "", ""]));
        while (!pending.IsCompleted)
        {
            if (waiting.TryDequeue(out var next))
            {
                next.SetResult(1);
            }

            await Task.Yield();
        }

        Assert.Equal(7, (await pending).Totals.Count(r => r == 1));
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task Code_that_does_not_await_is_never_called_from_two_threads()
    {
        var (inside, together) = (0, 0);
        var computer = RewardComputer.From(_ =>
        {
            together = Math.Max(together, Interlocked.Increment(ref inside));
            Thread.Yield();
            return Interlocked.Decrement(ref inside);
        });
        await computer.ComputeRewardsAsync(Scored.Groups([.. Enumerable.Repeat("", 200)]));
        Assert.Equal(1, together);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_score_that_takes_too_long_ends_the_wait_and_names_itself(bool listens)
    {
        var time = new ManualTime();
        var asked = new TaskCompletionSource();
        var judge = new Asked("judge", (t, ct) =>
        {
            if (t.Member == 2)
            {
                asked.SetResult(); // all have been asked
            }

            return t.Member == 1 ? Never(listens ? ct : default) : Task.FromResult<float?>(1);
        });
        var pending = new RewardComputer(new RewardOptions { Timeout = TimeSpan.FromSeconds(5), Time = time }, (judge, 1)).ComputeRewardsAsync(Scored.Groups(["", "", ""]));
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(pending.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));
        var error = await Assert.ThrowsAsync<TimeoutException>(() => pending);
        Assert.Equal("Objective 'judge' took longer than 00:00:05 on problem 'p0', member 1.", error.Message);
    }

    [Fact]
    public async Task With_abstention_failures_are_counted_by_objective()
    {
        var time = new ManualTime();
        var judge = new Asked("judge", (t, ct) => t.Member switch
        {
            0 => Never(ct),
            1 => throw new FormatException("no json"),
            2 => Task.FromException<float?>(new OperationCanceledException("the client gave up")), // nobody cancelled this computation
            3 => Task.FromResult<float?>(float.NaN),
            4 => Task.FromException<float?>(new TimeoutException("the server's own")),
            _ => Task.FromResult<float?>(1),
        });
        var options = new RewardOptions { Timeout = TimeSpan.FromSeconds(1), Time = time, AbstainOnFailure = true };
        var asked = new TaskCompletionSource();
        var last = new Asked("last", (_, _) =>
        {
            asked.TrySetResult(); // the judge has been asked about all
            return Task.FromResult<float?>(0);
        });
        var pending = new RewardComputer(options, (judge, 1), (new ResponseLength(), 1), (last, 0)).ComputeRewardsAsync([.. Scored.Groups(["", "", "", "", "", ""]), Scored.Failed(1)]);
        await asked.Task;
        time.Advance(TimeSpan.FromSeconds(1));
        var scored = await pending;
        Assert.Equal([null, null, null, null, null, 1, null], scored.Objectives["judge"]);
        Assert.Equal([-1, -1, -1, -1, -1, 0, null], scored.Totals);
        Assert.Equal(new ObjectiveFailures(TimedOut: 1, Threw: 4), scored.Failures["judge"]);
        Assert.Equal(default, scored.Failures["length"]);
    }

    [Fact]
    public async Task A_throwing_objective_is_named_and_stops_the_others()
    {
        var stopped = 0;
        var judge = new Asked("judge", async (t, ct) =>
        {
            if (t.Member == 2)
            {
                await Task.Yield();
                throw new FormatException("no json");
            }

            ct.Register(() => Interlocked.Increment(ref stopped));
            return await Never(ct);
        });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => new RewardComputer((judge, 1)).ComputeRewardsAsync(Scored.Groups(["", "", "", ""])));
        Assert.Equal("Objective 'judge' threw on problem 'p0', member 2: no json", error.Message);
        Assert.IsType<FormatException>(error.InnerException);
        Assert.True(stopped >= 2);
    }

    [Fact]
    public async Task A_score_that_is_not_finite_is_refused()
    {
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => RewardComputer.From(_ => float.PositiveInfinity, "odds").ComputeRewardsAsync([Scored.Trajectory("")]));
        Assert.Contains("'odds'", error.Message, StringComparison.Ordinal);
        Assert.Contains("null to abstain", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Cancellation_is_never_swallowed(bool abstain, bool listens)
    {
        using var cancel = new CancellationTokenSource();
        var judge = new Asked("judge", (_, ct) => Never(listens ? ct : default));
        var pending = new RewardComputer(new RewardOptions { AbstainOnFailure = abstain, MaxConcurrency = 2 }, (judge, 1)).ComputeRewardsAsync(Scored.Groups(["", "", "", ""]), cancellationToken: cancel.Token);
        Assert.False(pending.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => RewardComputer.From(_ => 1f).ComputeRewardsAsync([Scored.Trajectory("")], cancellationToken: cancel.Token));
    }

    [Fact]
    public async Task A_batch_has_the_hypervolume_of_what_all_objectives_scored()
    {
        var options = new RewardOptions { ReferencePoint = [0, -10, 100] };
        var computer = new RewardComputer(options, (new Contains("a"), 1), (new ResponseLength(), 0.1f), (RewardsOf("unused"), 0));
        var scored = await computer.ComputeRewardsAsync([Scored.Trajectory("a"), Scored.Trajectory("aaaa"), Scored.Trajectory("b"), Scored.Failed()]);
        Assert.Equal(8, scored.Hypervolume); // 1 × (−2 − −10); "b" does not exceed 0

        var minimised = new RewardComputer(options with { ReferencePoint = [0, 10] }, (new Contains("a"), 1), (new Asked("cost", (t, _) => Task.FromResult<float?>(t.ResponseTokens)), -1));
        Assert.Equal(8, (await minimised.ComputeRewardsAsync([Scored.Trajectory("a")])).Hypervolume);
        Assert.Equal(0, (await minimised.ComputeRewardsAsync([])).Hypervolume);
    }

    [Fact]
    public async Task A_Pareto_computer_compares_unless_asked_otherwise()
    {
        var computer = new ParetoRewardComputer(new RewardOptions { ReferencePoint = [0, -10] }, new Contains("a"), new ResponseLength());
        var trajectories = Scored.Groups(["a", "aaaa", "bb"], ["b", "b"]);
        var scored = await computer.ComputeRewardsAsync(trajectories);
        Scored.Near([1, 0, 0, 0.5f, 0.5f], (await Compared(ParetoScope.Group)).Totals);
        Assert.Equal(8, scored.Hypervolume);
        Assert.Equal(RewardMethod.Pareto(), scored.Method);
        Assert.Equal([-1, -4, -3, -2, -2], (await computer.ComputeRewardsAsync(trajectories, RewardMethod.Absolute)).Totals);

        Task<RewardBatch> Compared(ParetoScope scope) =>
            new ParetoRewardComputer(new Contains("a"), new ResponseLength()) { Method = RewardMethod.Pareto(scope) }.ComputeRewardsAsync(trajectories);
    }

    [Fact]
    public void What_cannot_be_meant_is_refused()
    {
        Assert.Throws<ArgumentException>(() => new RewardComputer());
        Assert.Contains("'length'", Assert.Throws<ArgumentException>(() => new RewardComputer((new ResponseLength(), 1), (ResponseLength.AtMost(5), 1))).Message, StringComparison.Ordinal);
        Assert.Contains("weight NaN", Assert.Throws<ArgumentException>(() => new RewardComputer((new ResponseLength(), float.NaN))).Message, StringComparison.Ordinal);
        Assert.Contains("2 numbers for 1", Assert.Throws<ArgumentException>(() => new RewardComputer(new RewardOptions { ReferencePoint = [0, 0] }, (new ExactMatch(), 1))).Message, StringComparison.Ordinal);
        Assert.Contains("at most 4", Assert.Throws<ArgumentException>(() => new ParetoRewardComputer(new RewardOptions { ReferencePoint = new float[5] }, [.. "abcde".Select(c => RewardsOf($"{c}"))])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardOptions { MaxConcurrency = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardOptions { Timeout = TimeSpan.Zero });
        Assert.Throws<ArgumentOutOfRangeException>(() => new RewardOptions { ReferencePoint = [float.NaN] });
    }

    private static Asked RewardsOf(string name) => new(name, (_, _) => Task.FromResult<float?>(1));

    private static async Task<float?> Never(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        return null;
    }

    private sealed record Asked(string Name, Func<Trajectory, CancellationToken, Task<float?>> Answer) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => new(Answer(trajectory, cancellationToken));
    }
}
