using System.Diagnostics;
using System.Globalization;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace Benchmarks.Evidence;

/// <summary>
/// The recipe that trlx publishes for its random walks: a GPT-2 of 6 layers of width 144, taught by random walks, then PPO with 128 rollouts an iteration,
/// 4 epochs, learning rate 3e-4, no KL, value coefficient 1.2. Reward is the optimality of the path, in [0, 1]. Added to it: an entropy bonus of 0.01 and an end of the
/// epochs at a policy KL of 0.03, without which the first large steps close ways for good on some graphs (seed 3: 0.76).
/// </summary>
internal static class RandomWalkRuns
{
    private const int Iterations = 80;

    public static async Task RunAsync(RunRecorder recorder, IReadOnlyList<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            var clock = Stopwatch.StartNew();
            var walks = new RandomWalks(seed);
            using var inference = await WarmStartAsync(walks, seed);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"warm start: {clock.Elapsed.TotalSeconds:F0} s, {inference.Model.ParameterCount:N0} parameters"));
            var environment = new SimpleTextEnvironment(inference, walks.Problems, sampling: new SamplingOptions { MaxNewTokens = walks.MaxLength - 1 });
            var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, Seed = seed });
            using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 3e-4, Seed = seed, Value = new ValueConfig { HiddenWidth = 288 } });
            var update = UpdateConfig.Ppo with { Kl = KlPenalty.None, ValueCoefficient = 1.2, EntropyCoefficient = 0.01, MaxPolicyKl = 0.03 };
            var ppo = new PpoAlgorithm(environment, rollouts, new RewardComputer((new PathOptimality(walks), 1)), backprop, new AlgorithmConfig { BatchSize = 128, Update = update });
            var history = await recorder.TrainAsync("PPO", seed, ppo, Iterations);
            var reached = history.FirstOrDefault(s => s.RewardMean >= 0.9)?.Iteration;
            var best = history.TakeLast(5).Average(s => s.RewardMean);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {seed}: 0.9 first at iteration {reached} ({reached * 128} samples), mean of the last five {best:F3}, {clock.Elapsed.TotalMinutes:F2} minutes in all"));
        }
    }

    private static async Task<InferenceModule> WarmStartAsync(RandomWalks walks, ulong seed)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var model = CausalLM.Create(new ModelConfig
        {
            Family = ModelFamily.Gpt2, VocabularySize = tokenizer.VocabularySize, Width = 144, Layers = 6, Heads = 12, KeyValueHeads = 12, HeadDimension = 12,
            FeedForwardWidth = 576, ContextLength = 16, TiedEmbeddings = true, EosTokenIds = [tokenizer.EosTokenId!.Value], PadTokenId = tokenizer.PadTokenId,
        }, (long)seed);
        var examples = walks.SampleWalks(1000).Select(w => new Example(w[..1], w[1..])).ToArray();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 3e-4 });
        await new SupervisedAlgorithm(backprop, tokenizer, examples, new SupervisedConfig { BatchSize = 100, WarmupSteps = 20, Seed = seed }).TrainAsync(400);
        return new InferenceModule(model, tokenizer);
    }
}
