using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rollouts;

/// <summary>Collecting: order, reproducibility, failures, cancellation.</summary>
public class RolloutManagerTests
{
    private static readonly SamplingOptions Short = new() { MaxNewTokens = 6, Temperature = 0.9f };
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 7).Select(i => new Problem($"p{i}", new string('q', 1 + i), ""))];

    [Fact]
    public async Task Trajectories_come_in_order_of_group_and_member_and_a_group_shares_its_problem()
    {
        using var module = TinyModels.FreshModule();
        var manager = new RolloutManager(new SimpleTextEnvironment(module, Problems, maxSteps: 2, Short), new RolloutConfig { GroupSize = 3, NumParallel = 4, Seed = 1 });
        var batch = await manager.CollectAsync(12).Ends();
        Assert.Equal(Enumerable.Range(0, 12).Select(i => (i / 3, i % 3)), batch.Trajectories.Select(t => (t.Group, t.Member)));
        Assert.All(batch.Trajectories.GroupBy(t => t.Group), g => Assert.Single(g.Select(t => t.Problem.Id).Distinct()));
        Assert.True(batch.Trajectories.Where(t => t.Group == 0).Select(t => string.Join(',', t.Turns[0].TokenIds)).Distinct().Count() > 1);
        Assert.Equal(12, batch.Statistics.Trajectories);
        Assert.Equal(batch.Trajectories.Sum(t => t.ResponseTokens), batch.Statistics.ResponseTokens);
        Assert.Equal(batch.Trajectories.Max(t => t.ResponseTokens), batch.Statistics.MaxResponseLength);
        Assert.Equal(batch.Trajectories.Average(t => t.ResponseTokens), batch.Statistics.MeanResponseLength, 1e-9);
    }

    [Fact]
    public async Task Every_problem_comes_once_an_epoch_and_the_order_changes_between_epochs()
    {
        using var module = new InferenceModule(TinyModels.Saying("x", promptLength: 1, room: 20), TinyModels.Tokenizer);
        Problem[] problems = [.. Enumerable.Range(0, 10).Select(i => new Problem($"{i}", "a", ""))];
        var manager = new RolloutManager(new SimpleTextEnvironment(module, problems, sampling: Short), new RolloutConfig { Seed = 3 });
        var seen = new List<string>();
        foreach (var count in new[] { 4, 4, 4, 8, 10 }) // batches that do not divide the epoch
        {
            seen.AddRange((await manager.CollectAsync(count)).Trajectories.Select(t => t.Problem.Id));
        }

        var epochs = seen.Chunk(10).ToArray();
        Assert.All(epochs, e => Assert.Equal(10, e.Distinct().Count()));
        Assert.Equal(3, epochs.Select(e => string.Join(',', e)).Distinct().Count());
        Assert.NotEqual(problems.Select(p => p.Id), epochs[0]);
    }

    [Fact]
    public async Task How_many_run_at_once_changes_no_trajectory()
    {
        using var module = TinyModels.FreshModule();
        IReadOnlyList<Trajectory>? expected = null;
        foreach (var (parallel, maintain, deterministic) in new[] { (64, true, true), (1, true, true), (5, true, true), (5, false, true), (64, false, true), (5, true, false) })
        {
            var environment = new SimpleTextEnvironment(module, Problems, maxSteps: 3, Short);
            var manager = new RolloutManager(environment, new RolloutConfig
            {
                GroupSize = 4, NumParallel = parallel, MaintainParallelCount = maintain, Deterministic = deterministic, Seed = 9,
            });
            var got = (await manager.CollectAsync(24).Ends()).Trajectories;
            expected ??= got;

            // Which rows share a matrix product changes the last bits of its sums: tokens are equal, log-probs nearly.
            Assert.Equal(Tokens(expected), Tokens(got));
            foreach (var (e, g) in expected.Zip(got))
            {
                Assert.Equal(e.Status, g.Status);
                Assert.All(e.Turns.Zip(g.Turns).SelectMany(p => p.First.LogProbs.Zip(p.Second.LogProbs)), p => Assert.Equal(p.First, p.Second, 1e-4));
            }
        }
    }

    [Fact]
    public async Task The_same_seed_gives_the_same_bits_whatever_the_threads_do()
    {
        string? expected = null;
        for (var round = 0; round < 20; round++)
        {
            using var module = TinyModels.FreshModule(maxConcurrency: 9);
            var environment = new Dawdling(module, Problems, Short, new Random(round));
            var manager = new RolloutManager(environment, new RolloutConfig { GroupSize = 4, NumParallel = 11, Seed = 2, MaintainParallelCount = round % 10 != 9 });
            var first = await manager.CollectAsync(24).Ends();
            Assert.All(first.Trajectories, t => Assert.True(t.Status != TrajectoryStatus.Failed, t.Error));
            if (manager.Config.MaintainParallelCount)
            {
                var bits = Bits(first.Trajectories);
                Assert.Equal(expected ??= bits, bits);
            }
        }
    }

    [Fact]
    public async Task A_module_that_has_worked_before_gives_the_same_bits_as_a_new_one()
    {
        using var fresh = TinyModels.FreshModule();
        using var used = TinyModels.FreshModule();
        await used.GenerateAsync(Enumerable.Range(0, 40).Select(i => new string('z', 1 + i)).ToArray(), new SamplingOptions { MaxNewTokens = 60 }); // grows its cache
        var bits = new List<string>();
        foreach (var module in new[] { fresh, used, used })
        {
            var manager = new RolloutManager(new SimpleTextEnvironment(module, Problems, maxSteps: 2, Short), new RolloutConfig { GroupSize = 4, NumParallel = 7, Seed = 2 });
            bits.Add(Bits((await manager.CollectAsync(16).Ends()).Trajectories));
        }

        Assert.Equal(bits[0], bits[1]);
        Assert.Equal(bits[1], bits[2]);
    }

    [Fact]
    public async Task Another_seed_or_the_next_round_gives_other_trajectories()
    {
        using var module = TinyModels.FreshModule();
        var environment = new SimpleTextEnvironment(module, Problems[..1], sampling: Short);
        var first = new RolloutManager(environment, new RolloutConfig { Seed = 1 });
        var a = await first.CollectAsync(1);
        var b = await first.CollectAsync(1);
        var c = await new RolloutManager(environment, new RolloutConfig { Seed = 2 }).CollectAsync(1);
        Assert.Equal(3, new[] { a, b, c }.Select(x => Tokens(x.Trajectories)).Distinct().Count());
    }

    [Fact]
    public async Task Asking_the_model_in_every_way_inside_a_step_ends_and_repeats()
    {
        string? expected = null;
        for (var round = 0; round < 5; round++)
        {
            using var module = TinyModels.FreshModule(maxConcurrency: 6);
            var manager = new RolloutManager(new Asking(module, Problems, Short), new RolloutConfig { GroupSize = 2, NumParallel = 5, Seed = 2, MaxSteps = 2 });
            var batch = await manager.CollectAsync(14).Ends();
            Assert.All(batch.Trajectories, t => Assert.Null(t.Error));
            Assert.All(batch.Trajectories, t => Assert.Equal(8, t.Turns.Length));
            var bits = Bits(batch.Trajectories);
            Assert.Equal(expected ??= bits, bits);
        }
    }

    [Fact]
    public async Task Two_managers_at_once_on_one_module_do_not_wait_for_each_other()
    {
        using var module = TinyModels.FreshModule();
        var quick = new RolloutManager(new SimpleTextEnvironment(module, Problems, sampling: Short), new RolloutConfig { NumParallel = 4, Seed = 1 });
        var expected = Tokens((await new RolloutManager(new SimpleTextEnvironment(module, Problems, sampling: Short), new RolloutConfig { NumParallel = 4, Seed = 1 }).CollectAsync(12)).Trajectories);
        using var environment = new Waiting(module, Problems, Short);
        var slow = new RolloutManager(environment, new RolloutConfig { NumParallel = 2 }).CollectAsync(4);
        await environment.Started.WaitAsync().Ends();
        Assert.Equal(expected, Tokens((await quick.CollectAsync(12).Ends()).Trajectories)); // while the other's step still runs
        environment.Go.Release(100);
        Assert.Equal(4, (await slow.Ends()).Trajectories.Count);
    }

    [Fact]
    public async Task Rollouts_and_requests_outside_of_them_may_nest()
    {
        using var module = TinyModels.FreshModule();
        var manager = new RolloutManager(new Nesting(module, Problems, Short), new RolloutConfig { NumParallel = 3, Seed = 1 });
        var batch = await manager.CollectAsync(6).Ends();
        Assert.All(batch.Trajectories, t => Assert.Null(t.Error));
    }

    [Fact]
    public async Task What_an_environment_throws_fails_its_trajectory_only_and_is_data()
    {
        using var module = TinyModels.FreshModule();
        var fine = (await new RolloutManager(new Failing(module, Problems, Short, never: true), new RolloutConfig { Seed = 1, NumParallel = 3 }).CollectAsync(Problems).Ends()).Trajectories;
        var batch = await new RolloutManager(new Failing(module, Problems, Short), new RolloutConfig { Seed = 1, NumParallel = 3 }).CollectAsync(Problems).Ends();
        Assert.Equal([2, 5], batch.Trajectories.Where(t => t.Status == TrajectoryStatus.Failed).Select(t => t.Group));
        Assert.Equal("FormatException: broken tool", batch.Trajectories[2].Error);
        Assert.Contains("broken reset", batch.Trajectories[5].Error, StringComparison.Ordinal);
        Assert.Equal((2, 5), (batch.Statistics.Failed, batch.Statistics.Terminated + batch.Statistics.Truncated));
        Assert.Single(batch.Trajectories[2].Turns); // what was exchanged before is kept
        Assert.False(batch.Trajectories[2].IsUsable);
        foreach (var i in new[] { 0, 1, 3, 4, 6 })
        {
            Assert.Equal(Tokens([fine[i]]), Tokens([batch.Trajectories[i]]));
        }
    }

    [Fact]
    public async Task Cancelling_in_the_middle_leaves_nothing_running_and_the_module_usable()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 5);
        var sampling = new SamplingOptions { MaxNewTokens = 60, StopTokenIds = [] };
        for (var round = 0; round < 8; round++)
        {
            using var cancelled = new CancellationTokenSource();
            var environment = new Dawdling(module, Problems, sampling, new Random(round));
            var manager = new RolloutManager(environment, new RolloutConfig { GroupSize = 2, NumParallel = 9 });
            var progress = new Reporting<RolloutProgress>(p => { if (p.Finished > round) { cancelled.Cancel(); } });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => manager.CollectAsync(40, progress, cancelled.Token).Ends());
            Assert.Equal(0, environment.Running);
            Assert.Equal(60, (await module.GenerateAsync("x", sampling).Ends()).TokenIds.Length);
        }

        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new RolloutManager(new SimpleTextEnvironment(module, Problems), new RolloutConfig()).CollectAsync(4, null, before.Token).Ends());
    }

    [Fact]
    public async Task A_listener_that_throws_ends_the_collection_and_does_not_hang_it()
    {
        using var module = TinyModels.FreshModule();
        var manager = new RolloutManager(new SimpleTextEnvironment(module, Problems, sampling: Short), new RolloutConfig { NumParallel = 3 });
        var progress = new Reporting<RolloutProgress>(p => { if (p.Finished == 2) { throw new FormatException("listener"); } });
        Assert.Equal("listener", (await Assert.ThrowsAsync<FormatException>(() => manager.CollectAsync(7, progress).Ends())).Message);
        Assert.Equal(7, (await manager.CollectAsync(7).Ends()).Trajectories.Count);
    }

    [Fact]
    public async Task A_trajectory_out_of_steps_is_truncated()
    {
        using var module = TinyModels.FreshModule();
        var batch = await new RolloutManager(new Endless(module, Problems, Short), new RolloutConfig { MaxSteps = 3 }).CollectAsync(4).Ends();
        Assert.All(batch.Trajectories, t => Assert.Equal((TrajectoryStatus.Truncated, 3), (t.Status, t.Turns.Length)));
        Assert.Equal(1, batch.Statistics.TruncatedFraction);
    }

    [Fact]
    public async Task A_conversation_that_fills_the_context_is_truncated_and_not_failed()
    {
        using var module = TinyModels.FreshModule(context: 24);
        var batch = await new RolloutManager(new Endless(module, Problems, Short with { StopTokenIds = [] }), new RolloutConfig { MaxSteps = 30 }).CollectAsync(4).Ends();
        Assert.All(batch.Trajectories, t => Assert.Equal((TrajectoryStatus.Truncated, null), (t.Status, t.Error)));
        Assert.All(batch.Trajectories, t => Assert.Equal(24, t.Turns[^1].PromptIds.Length + t.Turns[^1].TokenIds.Length));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(4)]
    public async Task The_number_of_trajectories_is_a_positive_multiple_of_the_group_size(int count)
    {
        using var module = TinyModels.FreshModule();
        var manager = new RolloutManager(new SimpleTextEnvironment(module, Problems), new RolloutConfig { GroupSize = 3 });
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => manager.CollectAsync(count));
    }

    /// <summary>Every token id and the bits of every log-prob.</summary>
    internal static string Bits(IEnumerable<Trajectory> trajectories) => string.Join('\n', trajectories.Select(t =>
        $"{t.Group}.{t.Member} {t.Status} " + string.Join(" | ", t.Turns.Select(turn =>
            string.Join(',', turn.TokenIds) + " " + string.Join(',', turn.LogProbs.Select(BitConverter.SingleToInt32Bits))))));

    internal static string Tokens(IEnumerable<Trajectory> trajectories) =>
        string.Join('\n', trajectories.Select(t => string.Join(" | ", t.Turns.Select(turn => string.Join(',', turn.TokenIds)))));

    internal sealed class Reporting<T>(Action<T> report) : IProgress<T>
    {
        public void Report(T value) => report(value);
    }

    /// <summary>Three steps with pauses of random length before, between and after; the answer decides how many.</summary>
    private sealed class Dawdling(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling, Random random)
        : BaseEnvironment(inference, problems, sampling)
    {
        private int running;

        public int Running => running;

        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref running);
            try
            {
                await Pause(cancellationToken);
                var next = await base.StepAsync(state, cancellationToken);
                await Pause(cancellationToken);
                return next;
            }
            finally
            {
                Interlocked.Decrement(ref running);
            }
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) =>
            ValueTask.FromResult(state with { IsTerminated = state.Turns.Length == 3 || turn.TokenIds[0] % 3 == 0 });

        private async Task Pause(CancellationToken cancellationToken)
        {
            int pause;
            lock (random)
            {
                pause = random.Next(6);
            }

            if (pause == 1)
            {
                await Task.Yield();
            }
            else if (pause > 3)
            {
                await Task.Delay(random.Next(1, 4), cancellationToken);
            }
        }
    }

    /// <summary>One request, several in one call, scoring, logits, a stream left early, and one more request: four turns a step.</summary>
    private sealed class Asking(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling)
        : BaseEnvironment(inference, problems, sampling)
    {
        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            var prompt = BuildPrompt(state);
            var first = await GenerateAsync(prompt, cancellationToken);
            var several = await Inference.GenerateAsync(["a", "bb"], Sampling with { MaxNewTokens = 1 + first.TokenIds.Length }, cancellationToken);
            var scored = await Inference.GetLogProbsAsync([first.PromptIds], [first.TokenIds], Sampling, cancellationToken);
            Assert.Equal(first.TokenIds.Length, scored[0].Length);
            Assert.Single(await Inference.GetLogitsAsync(["a"], cancellationToken));
            var last = await GenerateAsync([.. prompt, .. first.TokenIds], cancellationToken);
            return several.Select(g => new Turn(g.PromptIds, g.TokenIds, g.LogProbs, g.Text, g.StopReason, Sampling.Temperature)).Append(last)
                .Aggregate(state.Append(first), (s, t) => s.Append(t));
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    /// <summary>Steps that wait until they are let go.</summary>
    private sealed class Waiting(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling)
        : BaseEnvironment(inference, problems, sampling), IDisposable
    {
        private int asked;

        public SemaphoreSlim Started { get; } = new(0);

        public SemaphoreSlim Go { get; } = new(0);

        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            if (Interlocked.Increment(ref asked) % 2 == 0)
            {
                Started.Release(); // its companion is waiting for the model
                await Go.WaitAsync(cancellationToken);
            }

            return await base.StepAsync(state, cancellationToken);
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) =>
            ValueTask.FromResult(state with { IsTerminated = true });

        public void Dispose()
        {
            Started.Dispose();
            Go.Dispose();
        }
    }

    /// <summary>A step that collects rollouts of its own, and asks from outside the trajectory's flow.</summary>
    private sealed class Nesting(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling)
        : BaseEnvironment(inference, problems, sampling)
    {
        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            var inner = new RolloutManager(new SimpleTextEnvironment(Inference, Problems, sampling: Sampling), new RolloutConfig { NumParallel = 2 });
            Assert.Equal(3, (await inner.CollectAsync(3, null, cancellationToken)).Trajectories.Count);
            Task<Generation> outside;
            using (ExecutionContext.SuppressFlow())
            {
                outside = Task.Run(() => Inference.GenerateAsync("judge", Sampling, cancellationToken), cancellationToken);
            }

            await outside;
            return await base.StepAsync(state, cancellationToken);
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) =>
            ValueTask.FromResult(state with { IsTerminated = true });
    }

    /// <summary>The third problem's second step throws, the sixth's reset.</summary>
    private sealed class Failing(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling, bool never = false)
        : BaseEnvironment(inference, problems, sampling)
    {
        public override State Reset(Problem problem) => never || problem.Id != "p5" ? base.Reset(problem) : throw new InvalidOperationException("broken reset");

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) =>
            ValueTask.FromResult(state with { IsTerminated = state.Turns.Length == 2 });

        public override Task<State> StepAsync(State state, CancellationToken cancellationToken = default) =>
            never || state.Problem.Id != "p2" || state.Turns.IsEmpty ? base.StepAsync(state, cancellationToken) : throw new FormatException("broken tool");
    }

    private sealed class Endless(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling)
        : BaseEnvironment(inference, problems, sampling)
    {
        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state);
    }
}
