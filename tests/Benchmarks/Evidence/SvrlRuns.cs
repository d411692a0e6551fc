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
/// When does a calculator pay? Two of three problems are sums of two numbers below ten, which the model knows; the third is a product of two-digit numbers, which it does not.
/// Its teacher called the calculator for seven problems of ten, whatever they were. A call costs 0.4 of a right answer.
/// </summary>
internal static class SvrlRuns
{
    private const int Iterations = 120;

    public static async Task RunAsync(RunRecorder recorder, IReadOnlyList<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            using var inference = await WarmStartAsync(seed);
            var task = new SimpleTextEnvironment(inference, Problems(seed), sampling: new SamplingOptions { MaxNewTokens = 16 });
            var environment = new SvrlEnvironment(task, [Calculator.Tool()], new SvrlOptions { Budget = 2 });
            var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 8, Seed = seed });
            var rewards = new SvrlRewardComputer(new ExactMatch(), price: 0.4f);
            using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 2e-4, Seed = seed });
            var calls = new CallsByKind(rewards);
            var grpo = new GrpoAlgorithm(environment, rollouts, calls, backprop, new AlgorithmConfig { BatchSize = 128 });
            var history = await recorder.TrainAsync("GRPO", seed, grpo, Iterations, _ => calls.Columns);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"seed {seed}: calls a problem {-history[0].Objectives["tool_cost"].Mean:F2} → {-history[^1].Objectives["tool_cost"].Mean:F2}; on easy ones {calls.FirstEasy:F2} → {calls.Easy:F2}, on hard ones {calls.FirstHard:F2} → {calls.Hard:F2}"));
        }
    }

    private static Problem[] Problems(ulong seed)
    {
        var random = RandomStream.For(seed, 11);
        return [.. Enumerable.Range(0, 399).Select(i =>
        {
            var (a, b) = i % 3 != 0
                ? (Between(2 * i, 0, 9), Between((2 * i) + 1, 0, 9))
                : (Between(2 * i, 11, 99), Between((2 * i) + 1, 11, 99));
            var (prompt, answer) = i % 3 != 0 ? ($"{a}+{b}=", $"{a + b}") : ($"{a}*{b}=", $"{a * b}");
            return new Problem($"{i}", prompt, answer, new Dictionary<string, string> { ["kind"] = i % 3 != 0 ? "easy" : "hard" });
        })];

        int Between(int draw, int low, int high) => low + (int)(random.NextUniform((ulong)draw) * (high - low + 1));
    }

    private static async Task<InferenceModule> WarmStartAsync(ulong seed)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var model = CausalLM.Create(ModelConfig.Small(tokenizer, width: 128, layers: 3), (long)seed);
        var random = RandomStream.For(seed, 12);
        var examples = Enumerable.Range(0, 40).SelectMany(pass => Problems(seed + (100 * (ulong)pass))).SelectMany(Demonstrations).ToArray();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 1e-3 });
        await new SupervisedAlgorithm(backprop, tokenizer, examples, new SupervisedConfig { BatchSize = 128, WarmupSteps = 50, FinalLearningRateFraction = 0.05, Seed = seed }).TrainAsync(900);
        return new InferenceModule(model, tokenizer);

        IEnumerable<Example> Demonstrations(Problem problem, int index)
        {
            // The same share of calls for both kinds; a wrong guess where the teacher does not know a product.
            if (random.NextUniform((ulong)index) < 0.7)
            {
                yield return new Example(problem.Prompt, $"[calc: {problem.Prompt[..^1]}]");
                yield return new Example($"{problem.Prompt}[calc: {problem.Prompt[..^1]}]{{{problem.Answer}}}", problem.Answer);
            }
            else
            {
                yield return new Example(problem.Prompt, problem.Fields["kind"] == "easy" ? problem.Answer
                    : (100 + (int)(random.NextUniform(1_000_000 + (ulong)index) * 9000)).ToString(CultureInfo.InvariantCulture));
            }
        }
    }
}
