using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlNotebooks.Data;

/// <summary>The smaller shipped model: a GPT-2 of 0.12 M parameters that has seen random walks on one graph.</summary>
/// <remarks>
/// It follows edges most of the time and reaches the goal by luck. Finding short ways is left to reinforcement learning, in seconds: the task for looking at credit over time.
/// </remarks>
internal static class TinyWalks
{
    /// <summary>Seed of graph, walks, weights and order.</summary>
    public const ulong Seed = 1;

    /// <summary>Training steps of the shipped weights.</summary>
    public const int Steps = 200;

    private const int Walks = 1000;

    /// <summary>The graph that the model knows.</summary>
    public static RandomWalks Graph() => new(Seed);

    /// <summary>Trains the model from fresh weights.</summary>
    /// <param name="steps">Steps of 100 walks.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public static async Task<InferenceModule> TrainAsync(int steps, CancellationToken cancellationToken)
    {
        var tokenizer = HuggingFaceTokenizer.Bytes();
        var model = CausalLM.Create(new ModelConfig
        {
            Family = ModelFamily.Gpt2,
            VocabularySize = tokenizer.VocabularySize,
            Width = 64,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 4,
            HeadDimension = 16,
            FeedForwardWidth = 256,
            ContextLength = 16,
            TiedEmbeddings = true,
            QueryKeyValueBias = true,
            AttentionOutputBias = true,
            FeedForwardBias = true,
            StorageType = ScalarType.BFloat16,
            EosTokenIds = [tokenizer.EosTokenId!.Value],
            PadTokenId = tokenizer.PadTokenId,
        }, (long)Seed);
        var examples = Graph().SampleWalks(Walks).Select(w => new Example(w[..1], w[1..])).ToArray();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 3e-3 });
        var schedule = new SupervisedConfig { BatchSize = 100, WarmupSteps = 20, FinalLearningRateFraction = 0.05, Seed = Seed };
        await new SupervisedAlgorithm(backprop, tokenizer, examples, schedule).TrainAsync(steps, cancellationToken: cancellationToken);
        return new InferenceModule(model, tokenizer);
    }
}
