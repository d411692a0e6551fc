using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Backprop;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>
/// Small tasks whose best policy is known and whose every reward comes at the end. Each can be learned only if one thing works: reading the question, giving credit to a turn before an
/// observation, reading the observation.
/// </summary>
public class ProbeTests
{
    // A response is one token; by chance it is a low one half of the time, a quarter one a quarter of it.
    private static readonly SamplingOptions OneToken = new() { MaxNewTokens = 1 };

    public static TheoryData<string, string> EveryProbe
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var probe in (string[])["question", "credit", "observation"])
            {
                foreach (var algorithm in (string[])["GRPO", "REINFORCE", "PPO"])
                {
                    data.Add(probe, algorithm);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(EveryProbe))]
    public async Task A_probe_is_learned(string probe, string algorithm)
    {
        using var run = new Run(probe, algorithm);
        var rewards = (await run.Algorithm.TrainAsync(60)).Select(s => s.RewardMean).ToArray();
        Assert.True(rewards[0] < 0.65, $"{rewards[0]}");
        var best = Enumerable.Range(0, rewards.Length - 2).Max(i => rewards.Skip(i).Take(3).Average());
        Assert.True(best > 0.9, $"{best}: {string.Join(' ', rewards.Select(r => r.ToString("F2")))}");
    }

    [Theory]
    [InlineData("GRPO")]
    [InlineData("REINFORCE")]
    [InlineData("PPO")]
    public async Task Two_runs_with_an_observation_are_equal_bit_for_bit(string algorithm)
    {
        Assert.Equal(await RecordAsync(), await RecordAsync());

        async Task<string> RecordAsync()
        {
            using var run = new Run("observation", algorithm);
            var history = await run.Algorithm.TrainAsync(3);
            return string.Join('\n', history.Select(s => $"{s.Update.Loss:R} {s.Update.GradientNorm:R} {string.Join(',', s.Advantages)}")) +
                string.Join(',', BackpropModuleTests.Values(run.Inference.Model).Select(BitConverter.SingleToInt32Bits));
        }
    }

    private sealed class Run : IDisposable
    {
        private readonly BackpropModule backprop;

        public Run(string probe, string algorithm)
        {
            Inference = TinyModels.FreshModule(1, spread: 0.1);
            Problem[] problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", probe == "question" ? "az"[i % 2].ToString() : "q", "az"[i % 2].ToString()))];
            BaseEnvironment environment = probe == "question" ? new SimpleTextEnvironment(Inference, problems, sampling: OneToken) : new Told(Inference, problems);
            backprop = new BackpropModule(Inference.Model, new BackpropConfig { LearningRate = 1e-2, Value = algorithm == "PPO" ? new ValueConfig() : null });
            var rollouts = new RolloutManager(environment, new RolloutConfig { GroupSize = 8, Seed = 1 });
            var rewards = RewardComputer.From(t => probe switch
            {
                "credit" => t.Turns[0].TokenIds[0] < 64 ? 1f : 0,
                _ => (t.Turns[^1].TokenIds[0] < 128) == (t.Problem.Answer == "a") ? 1f : 0,
            });
            var config = new AlgorithmConfig { BatchSize = 64 };
            Algorithm = algorithm switch
            {
                "GRPO" => new GrpoAlgorithm(environment, rollouts, rewards, backprop, config),
                "PPO" => new PpoAlgorithm(environment, rollouts, rewards, backprop, config with { Update = UpdateConfig.Ppo with { MiniBatches = 2, Kl = KlPenalty.None } }),
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
    }

    /// <summary>Two responses; between them the model is told the problem's answer.</summary>
    private sealed class Told(InferenceModule inference, IReadOnlyList<Problem> problems) : BaseEnvironment(inference, problems, OneToken)
    {
        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(
            state.Turns.Length == 2 ? state with { IsTerminated = true } : state.Observe(Inference.Tokenizer.Encode(state.Problem.Answer)));
    }
}
