using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Backprop;
using RlPrimitives.Tests.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

public class GrpoAlgorithmTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", $"{i}", ""))];
    private static readonly SamplingOptions Sampling = new() { MaxNewTokens = 3 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_task_with_a_known_best_answer_is_learned(ulong seed)
    {
        // Of 258 tokens the first should be a digit: chance is 4 %.
        using var run = new Run(seed, t => char.IsAsciiDigit(t.Response.FirstOrDefault()) ? 1 : 0);
        var history = await run.Algorithm.TrainAsync(40);
        Assert.True(history[0].RewardMean < 0.3, $"{history[0].RewardMean}");
        var last = history.TakeLast(3).Average(s => s.RewardMean);
        Assert.True(last > 0.95, $"{last}: {string.Join(' ', history.Select(s => s.RewardMean.ToString("F2")))}");
        Assert.All(history, s => Assert.True(s.Update.SamplerDifference < 1e-3, $"{s.Update.SamplerDifference}"));
        Assert.Equal(Enumerable.Range(1, 40), history.Select(s => s.Iteration));
    }

    [Fact]
    public async Task Two_runs_of_one_seed_are_equal_bit_for_bit()
    {
        var (first, second, other) = (await RecordAsync(5), await RecordAsync(5), await RecordAsync(6));
        Assert.Equal(first, second);
        Assert.NotEqual(first, other);

        async Task<string> RecordAsync(ulong seed)
        {
            var trajectories = new List<string>();
            using var run = new Run(
                seed, t => t.Turns[0].TokenIds[0] % 2, t => trajectories.Add(RolloutManagerTests.Bits(t)),
                new BackpropConfig { LearningRate = 1e-2, Seed = seed },
                algorithm: new AlgorithmConfig { BatchSize = 64, Update = new UpdateConfig { Kl = new KlPenalty { Coefficient = 0.1 }, Epochs = 2, MiniBatches = 2 } });
            var history = await run.Algorithm.TrainAsync(5);
            return string.Join('\n', trajectories) + string.Join('\n', history.Select(s => $"{s.Update.Loss:R} {s.Update.GradientNorm:R} {s.Update.Kl:R}")) +
                string.Join(',', BackpropModuleTests.Values(run.Inference.Model).Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Fact]
    public async Task Filtered_samples_are_compared_with_the_models_own_log_probs()
    {
        // Under top-k 2 the sampler's log-probs are those of two tokens; taken as old ones, every ratio would be far below 1.
        using var run = new Run(3, t => t.Turns[0].TokenIds[0] % 2, sampling: Sampling with { TopK = 2 });
        var history = await run.Algorithm.TrainAsync(1);
        Assert.Equal(1, history[0].Update.RatioMean, 1e-4);
        Assert.True(history[0].Update.SamplerDifference < 1e-4, $"{history[0].Update.SamplerDifference}");
    }

    [Fact]
    public async Task A_step_keeps_every_score_of_every_trajectory_and_whose_it_is()
    {
        using var run = new Run(3, t => t.Turns[0].TokenIds[0] % 2);
        var step = (await run.Algorithm.TrainAsync(1))[0];
        var scores = Assert.Single(step.Scores);
        Assert.Equal(step.Objectives.Keys.Single(), scores.Key);
        Assert.Equal(step.Rewards, scores.Value.Select(v => v!.Value));
        Assert.Equal((step.Rewards.Length, step.Rewards.Length), (step.Groups.Length, step.Members.Length));
        Assert.Equal(step.Rewards.Length, step.Groups.Zip(step.Members).Distinct().Count());
    }

    [Fact]
    public async Task Training_is_the_steps_to_the_end()
    {
        using var whole = new Run(3, t => t.Turns[0].TokenIds[0] % 2);
        using var stream = new Run(3, t => t.Turns[0].TokenIds[0] % 2);
        var reported = new List<TrainStep>();
        var history = await whole.Algorithm.TrainAsync(3, new RolloutManagerTests.Reporting<TrainStep>(reported.Add));
        var steps = new List<TrainStep>();
        await foreach (var step in stream.Algorithm.StepsAsync(3))
        {
            steps.Add(step);
        }

        Assert.Equal("GRPO", history.Algorithm);
        Assert.Equal(history, reported);
        Assert.Equal(history.Select(s => s.Update.Loss), steps.Select(s => s.Update.Loss)); // bit for bit
        Assert.Equal(history.SelectMany(s => s.Rewards), steps.SelectMany(s => s.Rewards));
        Assert.Equal([4, 5], (await whole.Algorithm.TrainAsync(2)).Select(s => s.Iteration)); // goes on counting
    }

    [Fact]
    public async Task A_step_records_what_happened()
    {
        using var run = new Run(1, t => t.Group == 0 ? 1 : t.Member); // the first group is unanimous
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.Equal(0.125, step.ZeroVarianceFraction);
        Assert.Equal(64, step.Rewards.Length);
        Assert.Equal((8 + (7 * 28)) / 64.0, step.RewardMean, 1e-6);
        Assert.All(step.Advantages.Take(8), a => Assert.Equal(0, a));
        Assert.Equal(0, step.Advantages.Sum(), 1e-4);
        Assert.Equal(step.RewardMean, step.Objectives["reward"].Mean, 1e-6);
        Assert.Equal(step.Rollouts.ResponseTokens, step.Update.Tokens);
    }

    [Fact]
    public async Task Failed_trajectories_take_no_part_and_a_batch_without_rewards_is_no_update()
    {
        using var run = new Run(1, t => null);
        var before = BackpropModuleTests.Values(run.Inference.Model);
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.Equal((0, 0), (step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.True(double.IsNaN(step.RewardMean));
        Assert.Equal(before, BackpropModuleTests.Values(run.Inference.Model));
    }

    [Fact]
    public async Task Cancelling_ends_the_training_and_it_can_go_on()
    {
        using var run = new Run(1, t => t.Turns[0].TokenIds[0] % 2);
        using var cancelled = new CancellationTokenSource();
        var steps = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.Algorithm.TrainAsync(
            50, new RolloutManagerTests.Reporting<TrainStep>(_ => { if (++steps == 2) { cancelled.Cancel(); } }), cancelled.Token).Ends());
        Assert.Equal(2, steps);
        Assert.Equal(3, (await run.Algorithm.TrainAsync(1).Ends())[0].Iteration);
    }

    [Fact]
    public void What_cannot_work_is_refused_when_it_is_put_together()
    {
        using var inference = TinyModels.FreshModule();
        using var another = TinyModels.Fresh();
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig());
        using var elsewhere = new BackpropModule(another, new BackpropConfig());
        var rewards = RewardComputer.From(_ => 1f);
        var environment = new SimpleTextEnvironment(inference, Problems);
        Assert.Contains("GroupSize", Refused(environment, 1, backprop, 16), StringComparison.Ordinal);
        Assert.Contains("multiple", Refused(environment, 8, backprop, 20), StringComparison.Ordinal);
        Assert.Contains("another model", Refused(environment, 8, elsewhere, 16), StringComparison.Ordinal);
        Assert.Contains("greedily", Refused(new SimpleTextEnvironment(inference, Problems, 1, SamplingOptions.Greedy), 8, backprop, 16), StringComparison.Ordinal);

        string Refused(BaseEnvironment e, int group, BackpropModule b, int batch) => Assert.Throws<ArgumentException>(() => new GrpoAlgorithm(
            e, new RolloutManager(e, new RolloutConfig { GroupSize = group }), rewards, b, new AlgorithmConfig { BatchSize = batch })).Message;
    }

    /// <summary>Everything a run needs, from one seed.</summary>
    internal sealed class Run : IDisposable
    {
        private readonly BackpropModule backprop;

        public Run(
            ulong seed, Func<Trajectory, float?> score, Action<IReadOnlyList<Trajectory>>? collected = null, BackpropConfig? config = null, SamplingOptions? sampling = null,
            AlgorithmConfig? algorithm = null)
        {
            Inference = TinyModels.FreshModule((long)seed, spread: 0.1);
            var environment = new SimpleTextEnvironment(Inference, Problems, sampling: sampling ?? Sampling);
            backprop = new BackpropModule(Inference.Model, config ?? new BackpropConfig { LearningRate = 2e-2 });
            Algorithm = new GrpoAlgorithm(
                environment, new RolloutManager(environment, new RolloutConfig { GroupSize = 8, Seed = seed }), new Listening(RewardComputer.From(score), collected), backprop,
                algorithm ?? new AlgorithmConfig { BatchSize = 64 });
        }

        public InferenceModule Inference { get; }

        public GrpoAlgorithm Algorithm { get; }

        public void Dispose()
        {
            backprop.Dispose();
            Inference.Dispose();
        }

        private sealed class Listening(IRewardComputer inner, Action<IReadOnlyList<Trajectory>>? collected) : IRewardComputer
        {
            public Task<RewardBatch> ComputeRewardsAsync(IReadOnlyList<Trajectory> trajectories, IRewardMethod? method, CancellationToken cancellationToken)
            {
                collected?.Invoke(trajectories);
                return inner.ComputeRewardsAsync(trajectories, method, cancellationToken);
            }
        }
    }
}
