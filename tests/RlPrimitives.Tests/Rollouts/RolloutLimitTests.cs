using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Rewards;

namespace RlPrimitives.Tests.Rollouts;

/// <summary>Limits of tokens and time, and what is tried again.</summary>
public class RolloutLimitTests
{
    private static readonly SamplingOptions Endless = new() { MaxNewTokens = 6, StopTokenIds = [] };
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 6).Select(i => new Problem($"p{i}", new string('q', 1 + i), ""))];

    [Fact]
    public async Task The_limit_of_sampled_tokens_is_exact_over_all_turns()
    {
        using var module = TinyModels.FreshModule();
        var config = new RolloutConfig { MaxResponseTokens = 15, Seed = 1 };
        var batch = await new RolloutManager(Scripted(module, Endless), config).CollectAsync(Problems).Ends();
        Assert.All(batch.Trajectories, t => Assert.Equal((TrajectoryStatus.Truncated, 15), (t.Status, t.ResponseTokens)));
        Assert.All(batch.Trajectories, t => Assert.Equal([6, 6, 3], t.Turns.Select(turn => turn.TokenIds.Length)));

        var free = await new RolloutManager(Scripted(module, Endless), config with { MaxResponseTokens = null, MaxSteps = 3 }).CollectAsync(Problems).Ends();
        Assert.All(batch.Trajectories.Zip(free.Trajectories), p => Assert.Equal(p.Second.Turns[2].TokenIds[..3], p.First.Turns[2].TokenIds)); // cut short, not another
    }

    [Fact]
    public async Task The_limit_of_the_whole_sequence_counts_prompts_too()
    {
        using var module = TinyModels.FreshModule();
        var batch = await new RolloutManager(Scripted(module, Endless), new RolloutConfig { MaxSequenceTokens = 20 }).CollectAsync(Problems).Ends();
        Assert.All(batch.Trajectories, t => Assert.Equal((TrajectoryStatus.Truncated, null, 20), (t.Status, t.Error, t.Turns[^1].PromptIds.Length + t.Turns[^1].TokenIds.Length)));
        Assert.All(batch.Trajectories, t => Assert.Equal(20 - t.Problem.Prompt.Length, t.ResponseTokens));
    }

    [Fact]
    public async Task A_first_prompt_beyond_the_limit_fails_with_the_remedy_named()
    {
        using var module = TinyModels.FreshModule();
        var batch = await new RolloutManager(Scripted(module, Endless), new RolloutConfig { MaxSequenceTokens = 4, MaxSteps = 1 }).CollectAsync(Problems).Ends();
        Assert.Equal(3, batch.Statistics.Failed);
        Assert.Contains("MaxSequenceTokens", batch.Trajectories[3].Error, StringComparison.Ordinal);
        Assert.Contains("4 tokens", batch.Trajectories[3].Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_step_that_ignores_cancellation_ends_at_its_time_limit_and_the_others_go_on(bool blocking)
    {
        using var module = TinyModels.FreshModule();
        var time = new ManualTime();
        using var hanging = new ManualResetEventSlim();
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var orphan = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var environment = Scripted(module, Endless, async (state, _) =>
        {
            if (state.Problem.Id == "p2" && state.Turns.Length == 1 && reached.TrySetResult())
            {
                if (blocking)
                {
                    hanging.Wait(CancellationToken.None);
                }
                else
                {
                    await released.Task;
                }

                // What was left behind wakes up, after the batch or in the middle of the next one, and asks the model.
                orphan.SetResult(await Record.ExceptionAsync(() => module.GenerateAsync([new GenerationRequest([1], Endless, default)])));
            }
        });
        var config = new RolloutConfig { StepTimeout = TimeSpan.FromSeconds(50), MaxSteps = 3, Seed = 4, Time = time };
        var manager = new RolloutManager(environment, config);
        var collecting = manager.CollectAsync(Problems);
        await reached.Task.Ends();
        var batch = await Advancing(time, collecting);
        Assert.Equal(["p2"], batch.Trajectories.Where(t => t.Status == TrajectoryStatus.Failed).Select(t => t.Problem.Id));
        Assert.StartsWith("TimeoutException: Step 2 took longer than 00:00:50", batch.Trajectories[2].Error, StringComparison.Ordinal);
        Assert.Single(batch.Trajectories[2].Turns);
        Assert.All(batch.Trajectories.Where(t => t.Problem.Id != "p2"), t => Assert.Equal(3, t.Turns.Length));

        var next = manager.CollectAsync(12);
        hanging.Set();
        released.SetResult();
        Assert.IsAssignableFrom<OperationCanceledException>(await orphan.Task.Ends());
        var later = RolloutManagerTests.Bits((await next.Ends()).Trajectories);
        var undisturbed = new RolloutManager(Scripted(module, Endless), config);
        await undisturbed.CollectAsync(Problems).Ends();
        Assert.Equal(RolloutManagerTests.Bits((await undisturbed.CollectAsync(12).Ends()).Trajectories), later);
    }

    [Fact]
    public async Task Waiting_for_a_slow_companion_does_not_count_against_the_time_limit()
    {
        using var module = TinyModels.FreshModule();
        var time = new ManualTime();
        var environment = Scripted(module, Endless, (state, token) => // p0, p1 and p2 dawdle in turn, and all others wait for the model meanwhile
            state.Problem.Id == $"p{state.Turns.Length}" ? Task.Delay(TimeSpan.FromSeconds(40), time, token) : Task.CompletedTask);
        var limit = TimeSpan.FromSeconds(75);
        var collecting = new RolloutManager(environment, new RolloutConfig { StepTimeout = limit, TrajectoryTimeout = limit, MaxSteps = 3, Time = time }).CollectAsync(Problems);
        var batch = await Advancing(time, collecting);
        Assert.All(batch.Trajectories, t => Assert.Null(t.Error));
        Assert.All(batch.Timings.Timeline, t => Assert.True(t.Seconds >= 120));
        Assert.All(batch.Timings.Timeline.Take(3), t => Assert.InRange(t.EnvironmentSeconds, 40, 75));
        Assert.All(batch.Timings.Timeline.Skip(3), t => Assert.InRange(t.EnvironmentSeconds, 0, 35));
    }

    [Fact]
    public async Task All_steps_together_have_a_time_limit_too()
    {
        using var module = TinyModels.FreshModule();
        var time = new ManualTime();
        var environment = Scripted(module, Endless, (state, token) => Task.Delay(TimeSpan.FromSeconds(8), time, token));
        var batch = await Advancing(time, new RolloutManager(environment, new RolloutConfig { TrajectoryTimeout = TimeSpan.FromSeconds(20), Time = time }).CollectAsync(Problems));
        Assert.All(batch.Trajectories, t => Assert.Contains("TrajectoryTimeout", t.Error, StringComparison.Ordinal));
        Assert.All(batch.Trajectories, t => Assert.InRange(t.Turns.Length, 0, 2));
        Assert.Equal(6, batch.Statistics.Errors["TimeoutException"]);
    }

    [Fact]
    public async Task Cancelling_does_not_wait_for_ever_for_an_environment_that_ignores_it()
    {
        using var module = TinyModels.FreshModule();
        var time = new ManualTime();
        var hanging = new TaskCompletionSource();
        using var cancelled = new CancellationTokenSource();
        var environment = Scripted(module, Endless, async (state, _) =>
        {
            await cancelled.CancelAsync();
            await hanging.Task;
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Advancing(time, new RolloutManager(environment, new RolloutConfig { Time = time }).CollectAsync(Problems, null, cancelled.Token)));
        hanging.SetResult();
        Assert.Equal(6, (await module.GenerateAsync("x", Endless).Ends()).TokenIds.Length);
    }

    [Fact]
    public async Task A_failed_trajectory_is_tried_again_with_random_streams_of_its_own()
    {
        string? expected = null;
        for (var round = 0; round < 4; round++)
        {
            using var module = TinyModels.FreshModule();
            var tries = new int[6];
            var environment = Scripted(module, Endless, (state, _) =>
            {
                var i = state.Problem.Id[1] - '0';
                return state.Turns.Length == 1 && tries[i]++ < i - 2 ? throw new FormatException($"try {tries[i]}") : Task.CompletedTask; // p3 once, p4 twice, p5 three times
            });
            var manager = new RolloutManager(environment, new RolloutConfig { Retry = RetryPolicy.Times(2), MaxSteps = 2, Seed = 5, NumParallel = 4 });
            var batch = await manager.CollectAsync(Problems).Ends();
            Assert.Equal([0, 0, 0, 1, 2, 2], batch.Trajectories.Select(t => t.Attempt));
            Assert.Equal(["p5"], batch.Trajectories.Where(t => t.Status == TrajectoryStatus.Failed).Select(t => t.Problem.Id));
            Assert.Equal([(3, 0), (4, 0), (4, 1), (5, 0), (5, 1)], batch.Retried.Select(t => (t.Group, t.Attempt)));
            Assert.All(batch.Retried, t => Assert.Equal(TrajectoryStatus.Failed, t.Status));
            Assert.Equal((5, 11), (batch.Statistics.Retries, batch.Timings.Timeline.Count));
            var firsts = batch.Trajectories.Concat(batch.Retried).Where(t => t.Group == 4).Select(t => string.Join(',', t.Turns[0].TokenIds)).ToArray();
            Assert.Equal(3, firsts.Distinct().Count());
            var bits = RolloutManagerTests.Bits(batch.Trajectories.Concat(batch.Retried));
            Assert.Equal(expected ??= bits, bits);
        }
    }

    [Fact]
    public async Task Truncated_trajectories_are_tried_again_where_the_policy_says_so()
    {
        using var module = TinyModels.FreshModule();
        var policy = new RetryPolicy { MaxRetries = 3, Statuses = [TrajectoryStatus.Truncated] };
        var batch = await new RolloutManager(Scripted(module, Endless), new RolloutConfig { Retry = policy, MaxSteps = 1 }).CollectAsync(Problems).Ends();
        Assert.All(batch.Trajectories, t => Assert.Equal((3, TrajectoryStatus.Truncated), (t.Attempt, t.Status)));
        Assert.Equal(18, batch.Retried.Count);
    }

    [Fact]
    public async Task An_environment_that_returns_nothing_fails_its_trajectory_with_its_name()
    {
        using var module = TinyModels.FreshModule();
        var batch = await new RolloutManager(new Nothing(module, Problems), new RolloutConfig()).CollectAsync(Problems).Ends();
        Assert.All(batch.Trajectories, t => Assert.Contains("Nothing.StepAsync returned null", t.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void Limits_outside_their_range_are_refused_by_name()
    {
        Assert.Equal("MaxResponseTokens", Assert.Throws<ArgumentOutOfRangeException>(() => new RolloutConfig { MaxResponseTokens = 0 }).ParamName);
        Assert.Equal("MaxSequenceTokens", Assert.Throws<ArgumentOutOfRangeException>(() => new RolloutConfig { MaxSequenceTokens = 1 }).ParamName);
        Assert.Equal("StepTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => new RolloutConfig { StepTimeout = TimeSpan.Zero }).ParamName);
        Assert.Equal("TrajectoryTimeout", Assert.Throws<ArgumentOutOfRangeException>(() => new RolloutConfig { TrajectoryTimeout = TimeSpan.FromSeconds(-2) }).ParamName);
        Assert.Equal("NumParallel", Assert.Throws<ArgumentOutOfRangeException>(() => new RolloutConfig { NumParallel = 0 }).ParamName);
        Assert.Equal("MaxRetries", Assert.Throws<ArgumentOutOfRangeException>(() => RetryPolicy.Times(-1)).ParamName);
        Assert.Throws<ArgumentException>(() => new RetryPolicy { Statuses = [] });
    }

    private static ScriptedEnvironment Scripted(InferenceModule module, SamplingOptions sampling, Func<State, CancellationToken, Task>? before = null) =>
        new(module, Problems, sampling) { Before = before };

    // Time passes, a second at a time, whenever all else has come to rest for a moment.
    private static async Task<T> Advancing<T>(ManualTime time, Task<T> task)
    {
        for (var i = 0; i < 1000 && !task.IsCompleted; i++)
        {
            await Task.WhenAny(task, Task.Delay(20));
            time.Advance(TimeSpan.FromSeconds(1));
        }

        return await task.Ends();
    }

    private sealed class Nothing(InferenceModule inference, IReadOnlyList<Problem> problems) : BaseEnvironment(inference, problems)
    {
        public override Task<State> StepAsync(State state, CancellationToken cancellationToken = default) => Task.FromResult<State>(null!);

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}

/// <summary>Goes on for ever; does something before each step, and ends where told to.</summary>
internal sealed class ScriptedEnvironment(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling) : BaseEnvironment(inference, problems, sampling)
{
    public Func<State, CancellationToken, Task>? Before { get; init; }

    public Func<State, Turn, bool>? Ends { get; init; }

    public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
    {
        await (Before?.Invoke(state, cancellationToken) ?? Task.CompletedTask);
        return await base.StepAsync(state, cancellationToken);
    }

    public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) =>
        ValueTask.FromResult(state with { IsTerminated = Ends?.Invoke(state, turn) ?? false });
}
