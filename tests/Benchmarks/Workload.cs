using RlPrimitives.Inference;
using RlPrimitives.Models;

namespace Benchmarks;

/// <summary>What is generated: prompts and how many tokens each is followed by.</summary>
/// <param name="Name">For the table.</param>
/// <param name="PromptLengths">Tokens of each prompt.</param>
/// <param name="NewTokens">Tokens to generate to each.</param>
internal sealed record Workload(string Name, int[] PromptLengths, int[] NewTokens)
{
    public const int Vocabulary = 4096;

    private static readonly ModelConfig Gpt2 = new()
    {
        Family = ModelFamily.Gpt2, VocabularySize = Vocabulary, Width = 384, Layers = 6, Heads = 6, KeyValueHeads = 6, HeadDimension = 64,
        FeedForwardWidth = 4 * 384, ContextLength = 256, NormEpsilon = 1e-5, TiedEmbeddings = true, QueryKeyValueBias = true,
        AttentionOutputBias = true, FeedForwardBias = true,
    };

    private static readonly ModelConfig Qwen2 = new()
    {
        Family = ModelFamily.Qwen2, VocabularySize = Vocabulary, Width = 384, Layers = 6, Heads = 6, KeyValueHeads = 2, HeadDimension = 64,
        FeedForwardWidth = 1024, ContextLength = 256, NormEpsilon = 1e-6, RopeTheta = 1_000_000, TiedEmbeddings = true, QueryKeyValueBias = true,
    };

    /// <summary>Models of about 10 M parameters.</summary>
    public static (string Name, ModelConfig Config)[] Families { get; } = [("GPT-2", Gpt2), ("Qwen2", Qwen2)];

    public static Workload[] Generations { get; } = [Equal(1), Equal(16), Equal(64), Mixed(64)];

    /// <summary>Tokens asked for: what either side is credited with.</summary>
    public int Tokens => NewTokens.Sum();

    /// <summary>The prompts of a round: ids spread evenly over the vocabulary.</summary>
    public int[][] Prompts(ulong round) => PromptLengths.Select((length, row) => Ids(length, round, (ulong)row)).ToArray();

    private static Workload Equal(int batch) => new($"generate B={batch}", Enumerable.Repeat(32, batch).ToArray(), Enumerable.Repeat(64, batch).ToArray());

    // Prompts of 8–64 tokens and responses of 16–96, uncorrelated: as a batch of rollouts is.
    private static Workload Mixed(int batch) => new(
        $"generate B={batch} mixed", Enumerable.Range(0, batch).Select(i => 8 + (i * 37 % 57)).ToArray(), Enumerable.Range(0, batch).Select(i => 16 + (i * 53 % 81)).ToArray());

    /// <summary>Ids spread evenly over the vocabulary.</summary>
    public static int[] Ids(int length, ulong round, ulong row)
    {
        var random = RandomStream.For(1, round, row);
        return Enumerable.Range(0, length).Select(i => (int)(random.NextUniform((ulong)i) * Vocabulary)).ToArray();
    }
}
