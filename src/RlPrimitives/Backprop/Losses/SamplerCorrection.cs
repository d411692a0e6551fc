using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>What one importance weight spans.</summary>
public enum SamplerCorrectionLevel
{
    /// <summary>Each token has its own, exp(old − smp).</summary>
    Token,

    /// <summary>All tokens of a sequence share exp(Σ_t(old − smp)).</summary>
    Sequence,
}

/// <summary>What becomes of weights out of bounds.</summary>
public enum SamplerCorrectionBound
{
    /// <summary>They are cut to the nearer bound.</summary>
    Truncate,

    /// <summary>They become 0.</summary>
    Mask,
}

/// <summary>Corrects for a sampler whose log-probs differ from the trainer's for the same weights (another engine or precision).</summary>
/// <remarks>Weight the per-token policy loss with it. The sampler's log-probs must be those after temperature and filters.</remarks>
public sealed record SamplerCorrection
{
    /// <summary>verl: per token, cut at 2 (truncated importance sampling; Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL training").</summary>
    public static SamplerCorrection Verl { get; } = new();

    /// <summary>TRL: per sequence, 0 above 3.</summary>
    public static SamplerCorrection Trl { get; } = new() { Level = SamplerCorrectionLevel.Sequence, Bound = SamplerCorrectionBound.Mask, Maximum = 3 };

    /// <summary>IcePop: per token, 0 outside [0.5, 5] (Ling team 2025, arXiv:2510.18855).</summary>
    public static SamplerCorrection IcePop { get; } = new() { Bound = SamplerCorrectionBound.Mask, Minimum = 0.5, Maximum = 5 };

    /// <summary>What a weight spans.</summary>
    public SamplerCorrectionLevel Level { get; init; } = SamplerCorrectionLevel.Token;

    /// <summary>What becomes of weights out of bounds.</summary>
    public SamplerCorrectionBound Bound { get; init; } = SamplerCorrectionBound.Truncate;

    /// <summary>Least weight, in [0, 1].</summary>
    public double Minimum
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Minimum), value, "Minimum must be in [0, 1].");
    }

    /// <summary>Greatest weight, at least 1.</summary>
    public double Maximum
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Maximum), value, "Maximum must be at least 1.");
    } = 2;

    /// <summary>w = exp(old − smp) per token, or exp(Σ_t(old − smp)) on all tokens of a sequence, bounded. Without gradient.</summary>
    /// <param name="oldLogProbs">old, of the trainer's model at collection, nats, [M].</param>
    /// <param name="samplerLogProbs">smp, as the sampler reported, nats, [M].</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public Tensor Weights(Tensor oldLogProbs, Tensor samplerLogProbs, ReadOnlySpan<int> lengths)
    {
        using var _ = no_grad();
        return Bounded(Unbounded(oldLogProbs, samplerLogProbs, lengths));
    }

    /// <summary>Weights before they are bounded, [M].</summary>
    internal Tensor Unbounded(Tensor oldLogProbs, Tensor samplerLogProbs, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckEqual(oldLogProbs, samplerLogProbs);
        Shapes.CheckVector(oldLogProbs);
        Sequences.Check(oldLogProbs.shape[0], lengths);
        using var _ = no_grad();
        var difference = oldLogProbs - samplerLogProbs;  // [M]
        if (Level == SamplerCorrectionLevel.Sequence)
        {
            difference = Sequences.Spread(Sequences.Sum(difference, lengths), lengths);  // [M]
        }

        return difference.clamp(Scalars.Of(-20), Scalars.Of(20)).exp();  // [M]
    }

    /// <summary>Weights within bounds, [M].</summary>
    internal Tensor Bounded(Tensor weights) => Bound == SamplerCorrectionBound.Truncate
        ? weights.clamp(Scalars.Of(Minimum), Scalars.Of(Maximum))  // [M]
        : weights.masked_fill(IsOutside(weights), Scalars.Of(0));  // [M]

    /// <summary>Which weights are out of bounds, [M].</summary>
    internal Tensor IsOutside(Tensor weights) => weights.lt(Scalars.Of(Minimum)).logical_or(weights.gt(Scalars.Of(Maximum)));  // [M]
}
