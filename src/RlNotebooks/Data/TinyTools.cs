using System.Globalization;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlNotebooks.Data;

/// <summary>A shipped model of 0.25 M parameters that may call a calculator: 37*52=[calc: 37*52]{1924}1924.</summary>
/// <remarks>
/// It knows the sums of two digits and cannot multiply. Its teacher called the calculator for seven problems of ten, whatever they were: when a call pays is left to
/// reinforcement learning.
/// </remarks>
internal static class TinyTools
{
    /// <summary>Share of demonstrations with a call.</summary>
    public const double Calling = 0.7;

    /// <summary>Training steps of the shipped weights.</summary>
    public const int Steps = 900;

    private const ulong Seed = 1;

    /// <summary>Two of three are sums of two digits (kind "easy"), the third is a product of numbers of two digits (kind "hard").</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">The same seed gives the same problems.</param>
    public static IReadOnlyList<Problem> Problems(int count, ulong seed)
    {
        var random = RandomStream.For(seed, 11);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var isEasy = i % 3 != 0;
            var (a, b) = isEasy ? (Between(2 * i, 0, 9), Between((2 * i) + 1, 0, 9)) : (Between(2 * i, 11, 99), Between((2 * i) + 1, 11, 99));
            return isEasy ? Problem(i, $"{a}+{b}=", a + b, "easy") : Problem(i, $"{a}*{b}=", a * b, "hard");
        })];

        int Between(int draw, int low, int high) => low + (int)(random.NextUniform((ulong)draw) * (high - low + 1));
        static Problem Problem(int i, string prompt, int answer, string kind) =>
            new(i.ToString(CultureInfo.InvariantCulture), prompt, answer.ToString(CultureInfo.InvariantCulture), new Dictionary<string, string> { ["kind"] = kind });
    }

    /// <summary>Trains the model from fresh weights.</summary>
    /// <param name="steps">Steps of 128 examples.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public static async Task<InferenceModule> TrainAsync(int steps, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var model = CausalLM.Create(ModelConfig.Small(tokenizer, width: 96) with { StorageType = ScalarType.BFloat16 }, (long)Seed);
        var dice = RandomStream.For(Seed, 12);
        var examples = Problems(40_000, Seed + 100).SelectMany((p, i) => Demonstrations(p, dice, (ulong)i)).ToArray();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 2e-3 });
        var schedule = new SupervisedConfig { BatchSize = 128, WarmupSteps = 50, FinalLearningRateFraction = 0.05, Seed = Seed };
        await new SupervisedAlgorithm(backprop, tokenizer, examples, schedule).TrainAsync(steps, cancellationToken: cancellationToken);
        return new InferenceModule(model, tokenizer);
    }

    // The same share of calls for both kinds; a wrong guess where the teacher does not know a product.
    private static IEnumerable<Example> Demonstrations(Problem problem, RandomStream dice, ulong index)
    {
        if (dice.NextUniform(2 * index) < Calling)
        {
            var call = $"[calc: {problem.Prompt[..^1]}]";
            yield return new Example(problem.Prompt, call);
            yield return new Example($"{problem.Prompt}{call}{{{problem.Answer}}}", problem.Answer);
        }
        else
        {
            var guess = 100 + (int)(dice.NextUniform((2 * index) + 1) * 9000);
            yield return new Example(problem.Prompt, problem.Fields["kind"] == "easy" ? problem.Answer : guess.ToString(CultureInfo.InvariantCulture));
        }
    }
}
