using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

/// <summary>What an algorithm records of itself.</summary>
public class TrackedTrainingTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", $"{i}", ""))];

    [Theory]
    [InlineData("GRPO")]
    [InlineData("REINFORCE")]
    [InlineData("PPO")]
    public async Task Every_step_and_the_completions_of_every_batch_are_recorded(string algorithm)
    {
        using var folder = new TemporaryFolder();
        using var run = new Run(algorithm, new AlgorithmConfig { BatchSize = 16, Tracking = new TrackingConfig { Folder = folder.Path, UseTensorBoard = true, UseWandb = true } });
        var history = await run.Algorithm.TrainAsync(3);
        Assert.Equal(3, history.Trackers.Count);
        Assert.All(history.Trackers, t => Assert.Equal((new TrackedCount(3, 0), new TrackedCount(48, 0), null, true), (t.Steps, t.Completions, t.LastError, t.IsClosed)));
        var recorded = RecordedRun.Load(run.Algorithm.RunFolder!);
        Assert.Equal((RunStatus.Completed, algorithm, 7ul), (recorded.Outcome!.Status, recorded.Runs[0].Name, recorded.Runs[0].Seed));
        Assert.Equal(history.Select(s => s.RewardMean), recorded.Steps.Select(s => s.Values["reward/mean"]));
        Assert.Equal(history.Select(s => s.Update.Loss), recorded.Steps.Select(s => s.Values["update/loss"]));
        Assert.Equal(history.SelectMany(s => s.Alarms.Select(a => a.Message)), recorded.Steps.SelectMany(s => s.Alarms.Select(a => a.Message)));
        foreach (var step in history)
        {
            var rows = recorded.Completions.Where(c => c.Iteration == step.Iteration).ToArray();
            Assert.Equal(step.Rewards, rows.Select(r => r.Total!.Value));
            Assert.Equal(step.Advantages, rows.Select(r => r.Advantage!.Value));
            Assert.Equal(step.ResponseLengths, rows.Select(r => r.Tokens));
            Assert.Equal(step.Objectives["digit"].Mean, rows.Average(r => r.Rewards["digit"]!.Value), 1e-6);
            Assert.All(rows, r => Assert.Equal((Problems[int.Parse(r.ProblemId)].Prompt, r.Rewards["digit"] == 1), (r.Prompt, char.IsAsciiDigit(r.Response.FirstOrDefault()))));
        }
    }

    [Fact]
    public async Task The_configuration_of_every_part_is_recorded()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run("GRPO", AlgorithmConfig.Dapo with { BatchSize = 16, Tracking = new TrackingConfig { Folder = folder.Path, RunName = "mine" } });
        await run.Algorithm.TrainAsync(1);
        var info = RecordedRun.Load(run.Algorithm.RunFolder!).Runs[0];
        var config = ConfigSnapshot.Flatten(info.Config);
        Assert.Equal(("mine", "GRPO", 1L, 16L, 8L, 0.01, 3L), (info.Name, config["algorithm"], config["iterations"], config["config.BatchSize"], config["rollouts.GroupSize"], config["backprop.LearningRate"], config["sampling.MaxNewTokens"]));
        Assert.Equal("ClippedLoss", config["update.Loss.type"]);
        Assert.Contains("TorchSharp", info.Versions.Keys);
    }

    [Fact]
    public async Task Training_is_the_same_with_and_without_trackers_even_with_those_that_fail_and_hang()
    {
        using var folder = new TemporaryFolder();
        var limits = new TrackingLimits { FinishTimeout = TimeSpan.FromSeconds(0.5) };
        var tracking = new TrackingConfig { Folder = folder.Write("file", ""), UseTensorBoard = true, UseWandb = true, Limits = limits, Others = [_ => new Hanging()] };
        using var plain = new Run("GRPO", new AlgorithmConfig { BatchSize = 16 });
        using var tracked = new Run("GRPO", new AlgorithmConfig { BatchSize = 16, Tracking = tracking });
        var (expected, history) = (await plain.Algorithm.TrainAsync(3), await tracked.Algorithm.TrainAsync(3));
        Assert.Equal(expected.Select(s => s.Update.Loss), history.Select(s => s.Update.Loss));
        Assert.Empty(expected.Trackers);
        Assert.Equal(4, history.Trackers.Count);
        Assert.All(history.Trackers, t => Assert.Equal((new TrackedCount(0, 3), new TrackedCount(0, 48), false), (t.Steps, t.Completions, t.IsClosed)));
        Assert.All(history.Trackers, t => Assert.NotNull(t.LastError));
    }

    [Fact]
    public async Task A_run_that_fails_is_recorded_as_failed_with_what_was_thrown()
    {
        using var folder = new TemporaryFolder();
        var batches = 0;
        using var run = new Run("GRPO", new AlgorithmConfig { BatchSize = 16, Tracking = new TrackingConfig { Folder = folder.Path } },
            t => t.Group == 0 && t.Member == 0 && ++batches == 3 ? throw new InvalidOperationException("the judge is gone") : t.Member);
        await Assert.ThrowsAnyAsync<Exception>(() => run.Algorithm.TrainAsync(5));
        var recorded = RecordedRun.Load(run.Algorithm.RunFolder!);
        Assert.Equal((RunStatus.Failed, 2), (recorded.Outcome!.Status, recorded.Steps.Count));
        Assert.Contains("the judge is gone", recorded.Outcome.Message, StringComparison.Ordinal);
        Assert.True(run.Algorithm.Trackers[0].IsClosed);
    }

    [Fact]
    public async Task A_run_that_is_cancelled_or_left_is_recorded_as_cancelled_and_the_next_call_is_a_run_of_its_own()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run("GRPO", new AlgorithmConfig { BatchSize = 16, Tracking = new TrackingConfig { Folder = folder.Path } });
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.Algorithm.TrainAsync(5, new Now(s => { if (s.Iteration == 2) { stop.Cancel(); } }), stop.Token));
        var cancelled = RecordedRun.Load(run.Algorithm.RunFolder!);
        Assert.Equal((RunStatus.Cancelled, "cancelled after iteration 2", 2), (cancelled.Outcome!.Status, cancelled.Outcome.Message, cancelled.Steps.Count));
        await foreach (var step in run.Algorithm.StepsAsync(5))
        {
            break;
        }

        var left = RecordedRun.Load(run.Algorithm.RunFolder!);
        Assert.Equal((RunStatus.Cancelled, "left after iteration 3", 3), (left.Outcome!.Status, left.Outcome.Message, Assert.Single(left.Steps).Step));
        Assert.NotEqual(cancelled.Runs[0].RunId, left.Runs[0].RunId);
    }

    [Fact]
    public async Task A_sample_of_the_completions_can_be_asked_for()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run("GRPO", new AlgorithmConfig { BatchSize = 16, Tracking = new TrackingConfig { Folder = folder.Path, CompletionsPerStep = 3 } });
        await run.Algorithm.TrainAsync(2);
        Assert.Equal([1, 1, 1, 2, 2, 2], RecordedRun.Load(run.Algorithm.RunFolder!).Completions.Select(c => c.Iteration));
    }

    private sealed class Now(Action<TrainStep> told) : IProgress<TrainStep>
    {
        public void Report(TrainStep value) => told(value);
    }

    private sealed class Hanging : IRunTracker
    {
        public string Name => "hanging";

        public ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken) => new(new TaskCompletionSource().Task);

        public ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken) => default;

        public ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken) => default;

        public ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken) => default;

        public ValueTask DisposeAsync() => default;
    }

    private sealed class Run : IDisposable
    {
        private readonly InferenceModule inference = TinyModels.FreshModule(1, spread: 0.1);
        private readonly BackpropModule backprop;

        public Run(string algorithm, AlgorithmConfig config, Func<Trajectory, float>? score = null)
        {
            var environment = new SimpleTextEnvironment(inference, Problems, sampling: new SamplingOptions { MaxNewTokens = 3 });
            backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-2, Value = algorithm == "PPO" ? new ValueConfig() : null });
            var rollouts = new RolloutManager(environment, new RolloutConfig { GroupSize = 8, Seed = 7 });
            var rewards = new RewardComputer((new Scored("digit", score ?? (t => char.IsAsciiDigit(t.Response.FirstOrDefault()) ? 1 : 0)), 1f));
            Algorithm = algorithm switch
            {
                "GRPO" => new GrpoAlgorithm(environment, rollouts, rewards, backprop, config),
                "PPO" => new PpoAlgorithm(environment, rollouts, rewards, backprop, config),
                _ => new ReinforceAlgorithm(environment, rollouts, rewards, backprop, config),
            };
        }

        public Algorithm Algorithm { get; }

        public void Dispose()
        {
            backprop.Dispose();
            inference.Dispose();
        }

        private sealed record Scored(string Name, Func<Trajectory, float> Of) : IObjective
        {
            public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult<float?>(Of(trajectory));
        }
    }
}
