using System.Globalization;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlNotebooks.Data;

/// <summary>A shipped model of 0.12 M parameters that adds two digits and marks its answers with none to three question marks: 7+8=??15.</summary>
/// <remarks>
/// Its teacher chose the number of marks at random, and was one too high in half of the demonstrations. So the model can answer in eight ways that differ in
/// correctness, brevity and caution, none of them its habit: what it becomes is left to the rewards.
/// </remarks>
internal static class TinyCautious
{
    /// <summary>Share of demonstrations that are one too high.</summary>
    public const double Wrong = 0.5;

    /// <summary>Most marks before an answer.</summary>
    public const int MostMarks = 3;

    /// <summary>Training steps of the shipped weights.</summary>
    public const int Steps = 400;

    private const ulong Seed = 1;
    private const int Demonstrations = 512; // of each problem: more than are used

    /// <summary>The hundred sums of two digits.</summary>
    public static IReadOnlyList<Problem> Problems() => Arithmetic.Additions(0, 10, Seed);

    /// <summary>Trains the model from fresh weights.</summary>
    /// <param name="steps">Steps of 128 examples.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public static async Task<InferenceModule> TrainAsync(int steps, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var model = CausalLM.Create(ModelConfig.Small(tokenizer) with { StorageType = ScalarType.BFloat16 }, (long)Seed);
        var (problems, dice) = (Problems(), RandomStream.For(Seed, 1));
        var examples = Enumerable.Range(0, Demonstrations * problems.Count).Select(i => Demonstration(problems[i % problems.Count], dice, (ulong)i)).ToArray();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 2e-3 });
        var schedule = new SupervisedConfig { BatchSize = 128, WarmupSteps = 20, FinalLearningRateFraction = 0.1, Seed = Seed };
        await new SupervisedAlgorithm(backprop, tokenizer, examples, schedule).TrainAsync(steps, cancellationToken: cancellationToken);
        return new InferenceModule(model, tokenizer);
    }

    private static Example Demonstration(Problem problem, RandomStream dice, ulong index)
    {
        var said = int.Parse(problem.Answer, CultureInfo.InvariantCulture) + (dice.NextUniform(2 * index) < Wrong ? 1 : 0);
        var marks = new string('?', (int)(dice.NextUniform((2 * index) + 1) * (MostMarks + 1)));
        return new Example(problem.Prompt, string.Create(CultureInfo.InvariantCulture, $"{marks}{said}"));
    }
}
