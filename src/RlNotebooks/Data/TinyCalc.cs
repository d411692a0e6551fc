using System.Globalization;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlNotebooks.Data;

/// <summary>The shipped model: a Llama of 1.3 M parameters that adds two numbers of two digits, taught by a careless teacher.</summary>
/// <remarks>
/// The teacher forgets every carry in <see cref="Carelessness"/> of its demonstrations. The model learns to imitate that, so it knows how to
/// carry but mostly does not: right two times of five on held-out problems. That is what reinforcement learning finds and changes.
/// </remarks>
internal static class TinyCalc
{
    /// <summary>Share of demonstrations in which the teacher forgets every carry.</summary>
    public const double Carelessness = 0.8;

    /// <summary>Problems kept from all training, for measuring.</summary>
    public const int HeldOut = 500;

    /// <summary>Seed of problems, demonstrations, weights and order.</summary>
    public const ulong Seed = 7;

    private const int Demonstrations = 40; // of each problem: more than are used, so that none is seen twice and the carelessness cannot be memorised

    /// <summary>Every addition of two numbers of two digits; the first <see cref="HeldOut"/> are for measuring.</summary>
    public static (IReadOnlyList<Problem> HeldOut, IReadOnlyList<Problem> Training) Problems()
    {
        var all = Arithmetic.Additions(10, 100, Seed);
        return (all.Take(HeldOut).ToArray(), all.Skip(HeldOut).ToArray());
    }

    /// <summary>Trains the model from fresh weights.</summary>
    /// <param name="steps">Steps of 128 examples.</param>
    /// <param name="progress">Told of each step.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public static async Task<InferenceModule> TrainAsync(int steps, IProgress<SupervisedStep>? progress, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var config = new ModelConfig
        {
            Family = ModelFamily.Llama,
            VocabularySize = tokenizer.VocabularySize,
            Width = 160,
            Layers = 4,
            Heads = 4,
            KeyValueHeads = 4,
            HeadDimension = 40,
            FeedForwardWidth = 432,
            ContextLength = 64,
            TiedEmbeddings = true,
            StorageType = ScalarType.BFloat16,
            EosTokenIds = [tokenizer.EosTokenId!.Value],
            PadTokenId = tokenizer.PadTokenId,
        };
        var model = CausalLM.Create(config, (long)Seed);
        var options = new BackpropConfig { LearningRate = 1e-3, Optimizer = new AdamWOptions(0.9, 0.99, 1e-8, 0.01) };
        using var backprop = new BackpropModule(model, options);
        var schedule = new SupervisedConfig { BatchSize = 128, WarmupSteps = 50, FinalLearningRateFraction = 0.05, Seed = Seed };
        await new SupervisedAlgorithm(backprop, tokenizer, DemonstrationsOf(Problems().Training), schedule).TrainAsync(steps, progress, cancellationToken);
        return new InferenceModule(model, tokenizer);
    }

    private static Example[] DemonstrationsOf(IReadOnlyList<Problem> problems)
    {
        var careless = RandomStream.For(Seed, 1);
        return Enumerable.Range(0, Demonstrations * problems.Count).Select(i =>
        {
            var problem = problems[i % problems.Count];
            return new Example(problem.Prompt, careless.NextUniform((ulong)i) < Carelessness ? Forgotten(problem) : problem.Answer);
        }).ToArray();
    }

    private static string Forgotten(Problem problem) => Arithmetic
        .AddWithoutCarrying(int.Parse(problem.Fields["first"], CultureInfo.InvariantCulture), int.Parse(problem.Fields["second"], CultureInfo.InvariantCulture))
        .ToString(CultureInfo.InvariantCulture);
}
