using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Backprop;
using RlPrimitives.Tests.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>What holds for every algorithm and preset, on a probe task with a known best answer: of 258 tokens the first should be a digit.</summary>
public class EveryAlgorithmTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", $"{i}", ""))];

    public static TheoryData<string, int> EveryPreset
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var name in Presets.Keys)
            {
                for (var seed = 1; seed <= (Main.Contains(name) ? 3 : 1); seed++)
                {
                    data.Add(name, seed);
                }
            }

            return data;
        }
    }

    public static TheoryData<string> EveryMain => [.. Main];

    public static TheoryData<string> EveryName => [.. Presets.Keys];

    private static UpdateConfig Ppo { get; } = UpdateConfig.Ppo with { MiniBatches = 2, Kl = KlPenalty.InReward with { Coefficient = 0.01 } };

    private static string[] Main { get; } = ["GRPO", "REINFORCE", "PPO"];

    private static Dictionary<string, (string Algorithm, AlgorithmConfig? Config)> Presets { get; } = new()
    {
        ["GRPO"] = ("GRPO", null),
        ["DeepSeekMath"] = ("GRPO", AlgorithmConfig.DeepSeekMath),
        ["DAPO"] = ("GRPO", AlgorithmConfig.Dapo with { Overlong = new Overlong(100, 50) }),
        ["Dr.GRPO"] = ("GRPO", AlgorithmConfig.DrGrpo(3)),
        ["GSPO"] = ("GRPO", AlgorithmConfig.Gspo),
        ["CISPO"] = ("GRPO", AlgorithmConfig.Cispo),
        ["SAPO"] = ("GRPO", AlgorithmConfig.Sapo),
        ["GMPO"] = ("GRPO", AlgorithmConfig.Gmpo),
        ["GDPO"] = ("GRPO", AlgorithmConfig.Gdpo),
        ["MaxRL"] = ("GRPO", AlgorithmConfig.MaxRl),
        ["batch deviation"] = ("GRPO", new AlgorithmConfig { Advantages = new GroupMeanBatchDeviationAdvantage() }),
        ["Pareto rank"] = ("GRPO", new AlgorithmConfig { Rewards = RewardMethod.Pareto() }),
        ["REINFORCE"] = ("REINFORCE", null),
        ["RLOO"] = ("REINFORCE", AlgorithmConfig.Rloo),
        ["REINFORCE++"] = ("REINFORCE", AlgorithmConfig.ReinforcePlusPlus),
        ["REINFORCE++ baseline"] = ("REINFORCE", AlgorithmConfig.ReinforcePlusPlusBaseline),
        ["PPO"] = ("PPO", new AlgorithmConfig { Update = Ppo }),
        ["PPO, Pareto rank"] = ("PPO", new AlgorithmConfig { Update = Ppo, Rewards = RewardMethod.Pareto() }),
    };

    [Theory]
    [MemberData(nameof(EveryPreset))]
    public async Task A_task_with_a_known_best_answer_is_learned(string name, int seed)
    {
        using var run = new Run(name, seed);
        var history = await run.Algorithm.TrainAsync(60);
        // The best three steps in a row: at a learning rate that learns within seconds the end may swing.
        var last = Enumerable.Range(0, history.Count - 2).Max(i => history.Skip(i).Take(3).Average(s => s.Objectives["digit"].Mean));
        Assert.True(history[0].Objectives["digit"].Mean < 0.3, $"{history[0].RewardMean}");
        // With PPO one prompt in eight may settle on a wrong answer before it meets a right one: in one seed of 24, and in which one depends on last digits.
        Assert.True(last > (name.StartsWith("PPO", StringComparison.Ordinal) ? 0.85 : 0.9), $"{last}: {string.Join(' ', history.Select(s => s.Objectives["digit"].Mean.ToString("F2")))}");
        Assert.All(history, s => Assert.True(s.Update.SamplerDifference < 1e-3, $"{s.Update.SamplerDifference}"));
    }

    [Theory]
    [MemberData(nameof(EveryMain))]
    public async Task Two_runs_of_one_seed_are_equal_bit_for_bit(string name)
    {
        Assert.Equal(await RecordAsync(), await RecordAsync());

        async Task<string> RecordAsync()
        {
            using var run = new Run(name, 5);
            var history = await run.Algorithm.TrainAsync(3);
            return string.Join('\n', history.Select(s => $"{s.Update.Loss:R} {s.Update.GradientNorm:R} {s.Update.Entropy:R} {string.Join(',', s.Advantages)} {string.Join(',', s.Rewards)}")) +
                string.Join(',', BackpropModuleTests.Values(run.Inference.Model).Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Theory]
    [MemberData(nameof(EveryName))]
    public async Task A_batch_without_rewards_is_no_update(string name)
    {
        using var run = new Run(name, 1, _ => null);
        var before = BackpropModuleTests.Values(run.Inference.Model);
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.Equal((0, 0), (step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.Equal(before, BackpropModuleTests.Values(run.Inference.Model));
    }

    /// <summary>One run of a preset on the probe task.</summary>
    private sealed class Run : IDisposable
    {
        private readonly BackpropModule backprop;

        public Run(string preset, int seed, Func<Trajectory, float?>? score = null)
        {
            var (algorithm, config) = Presets[preset];
            config = (config ?? new AlgorithmConfig()) with { BatchSize = 64 };
            Inference = TinyModels.FreshModule(seed, spread: 0.1);
            var environment = new SimpleTextEnvironment(Inference, Problems, sampling: new SamplingOptions { MaxNewTokens = 3 });
            backprop = new BackpropModule(Inference.Model, new BackpropConfig { LearningRate = 1e-2, Seed = (ulong)seed, Value = algorithm == "PPO" ? new ValueConfig() : null });
            var rollouts = new RolloutManager(environment, new RolloutConfig { GroupSize = 8, Seed = (ulong)seed });
            IRewardComputer rewards = new RewardComputer((new Scored("digit", score ?? (t => char.IsAsciiDigit(t.Response.FirstOrDefault()) ? 1 : 0)), 1f));
            Algorithm = algorithm switch
            {
                "GRPO" => new GrpoAlgorithm(environment, rollouts, rewards, backprop, config),
                "PPO" => new PpoAlgorithm(environment, rollouts, rewards, backprop, config),
                _ => new ReinforceAlgorithm(environment, rollouts, rewards, backprop, config),
            };
        }

        public InferenceModule Inference { get; }

        public Algorithm Algorithm { get; }

        public void Dispose()
        {
            backprop.Dispose();
            Inference.Dispose();
        }

        private sealed record Scored(string Name, Func<Trajectory, float?> Of) : IObjective
        {
            public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult(Of(trajectory));
        }
    }
}
