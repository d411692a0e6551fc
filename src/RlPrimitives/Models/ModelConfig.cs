using System.Collections.Immutable;
using RlPrimitives.Models.Tokenizers;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>The families of decoder-only transformers that can be loaded.</summary>
public enum ModelFamily
{
    /// <summary>Radford et al. 2019: learned positions, LayerNorm, GELU.</summary>
    Gpt2,

    /// <summary>Touvron et al. 2023 (arXiv:2302.13971): rotary positions, RMSNorm, SwiGLU; Llama 2 and 3.</summary>
    Llama,

    /// <summary>Jiang et al. 2023 (arXiv:2310.06825): Llama with sliding-window attention.</summary>
    Mistral,

    /// <summary>Qwen team 2024 (arXiv:2407.10671): Llama with biases on query, key and value; Qwen2 and Qwen2.5.</summary>
    Qwen2,

    /// <summary>Qwen team 2025 (arXiv:2505.09388): Llama with RMSNorm on each query and key head.</summary>
    Qwen3,
}

/// <summary>How rotary frequencies are stretched for longer contexts.</summary>
public enum RopeScalingKind
{
    /// <summary>Every frequency divided by the factor (Chen et al. 2023, arXiv:2306.15595).</summary>
    Linear,

    /// <summary>Low frequencies divided, high kept, a smooth ramp between (Llama 3.1, arXiv:2407.21783).</summary>
    Llama3,
}

/// <summary>Parameters of a rotary scaling; the last three apply to <see cref="RopeScalingKind.Llama3"/>.</summary>
/// <param name="Kind">Which rule.</param>
/// <param name="Factor">The stretch, at least 1.</param>
/// <param name="LowFrequencyFactor">Wavelengths above original length / this are divided by the factor.</param>
/// <param name="HighFrequencyFactor">Wavelengths below original length / this are kept.</param>
/// <param name="OriginalContextLength">Context before stretching, tokens.</param>
public sealed record RopeScaling(
    RopeScalingKind Kind, double Factor, double LowFrequencyFactor = 1, double HighFrequencyFactor = 4, int OriginalContextLength = 8192);

/// <summary>The shape of a decoder-only transformer, whatever its <c>config.json</c> calls it.</summary>
public sealed record ModelConfig
{
    /// <summary>
    /// A Llama small enough to be taught from nothing in seconds: heads of 32 features, SwiGLU of 8/3 of the width, tied embeddings. About 12·layers·D² + V·D parameters.
    /// </summary>
    /// <param name="tokenizer">Gives the vocabulary and its special ids.</param>
    /// <param name="width">D, a multiple of 32.</param>
    /// <param name="layers">Number of decoder layers, at least 1.</param>
    /// <param name="contextLength">Longest sequence, tokens.</param>
    /// <exception cref="ArgumentException">The width is not a positive multiple of 32, or there are no layers.</exception>
    public static ModelConfig Small(ITokenizer tokenizer, int width = 64, int layers = 2, int contextLength = 64)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (width < 32 || width % 32 != 0 || layers < 1)
        {
            throw new ArgumentException($"A small model has a width that is a positive multiple of 32 and at least one layer; asked for {width} and {layers}.", nameof(width));
        }

        return new ModelConfig
        {
            Family = ModelFamily.Llama, VocabularySize = tokenizer.VocabularySize, Width = width, Layers = layers, Heads = width / 32, KeyValueHeads = width / 32, HeadDimension = 32,
            FeedForwardWidth = width / 32 * 88, ContextLength = contextLength, TiedEmbeddings = true, EosTokenIds = tokenizer.EosTokenId is { } end ? [end] : [], BosTokenId = tokenizer.BosTokenId,
            PadTokenId = tokenizer.PadTokenId,
        };
    }

    /// <summary>The family, which decides the layer's wiring.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>V, rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>D, features of the residual stream.</summary>
    public required int Width { get; init; }

    /// <summary>Number of decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>H, query heads of a layer.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads of a layer; divides <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Features of one head; Width / Heads except where the configuration says otherwise.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Features inside the feed-forward block.</summary>
    public required int FeedForwardWidth { get; init; }

    /// <summary>Longest sequence, tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>ε of the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Base of the rotary frequencies.</summary>
    public double RopeTheta { get; init; } = 10_000;

    /// <summary>Rotary scaling; null for none.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Attention reaches back this many tokens, itself included; null for all.</summary>
    public int? SlidingWindow { get; init; }

    /// <summary>Which layers use <see cref="SlidingWindow"/>; empty means all of them.</summary>
    public ImmutableArray<bool> SlidingLayers { get; init; } = [];

    /// <summary>Whether the output head is the embedding itself.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>Whether query, key and value projections have biases.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>Whether the attention's output projection has a bias.</summary>
    public bool AttentionOutputBias { get; init; }

    /// <summary>Whether the feed-forward projections have biases.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>GPT-2 only: feed-forward activation is the exact GELU rather than the tanh form.</summary>
    public bool ExactGelu { get; init; }

    /// <summary>Standard deviation of fresh weights.</summary>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>Element type in which weights are stored on disk.</summary>
    public ScalarType StorageType { get; init; } = ScalarType.Float32;

    /// <summary>Beginning-of-sequence id, if any.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Ids that end a generation; several are usual (Llama 3).</summary>
    public ImmutableArray<int> EosTokenIds { get; init; } = [];

    /// <summary>Padding id, if any.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Whether layer <paramref name="layer"/> (0-based) uses the sliding window.</summary>
    public bool IsSliding(int layer) => SlidingWindow is not null && (SlidingLayers.IsDefaultOrEmpty || SlidingLayers[layer]);
}
