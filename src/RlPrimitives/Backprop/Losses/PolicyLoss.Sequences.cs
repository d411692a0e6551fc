using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

public static partial class PolicyLoss
{
    /// <summary>Ratio of a sequence, the geometric mean of its tokens' ratios: s = exp(1/L·Σ_t(lp − old)) (GSPO; Zheng et al. 2025, arXiv:2507.18071, eq. 7).</summary>
    /// <remarks>The mean log-ratio is cut at +10, as in verl. Spread it with <see cref="Sequences.Spread"/> for a per-token loss.</remarks>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="oldLogProbs">old, at collection, without gradient, [M].</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor SequenceRatio(Tensor logProbs, Tensor oldLogProbs, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        return Sequences.Mean(logProbs - oldLogProbs, lengths).clamp_max(Scalars.Of(10)).exp();  // [B]
    }

    /// <summary>GSPO-token: a token's value is its sequence's ratio, its gradient its own: exp(lp − sg(lp) + sg(mean_t(lp − old))) (arXiv:2507.18071, eq. 14).</summary>
    /// <inheritdoc cref="SequenceRatio"/>
    /// <returns>[M]</returns>
    public static Tensor SequenceTokenRatio(Tensor logProbs, Tensor oldLogProbs, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        var mean = Sequences.Spread(Sequences.Mean((logProbs - oldLogProbs).detach(), lengths), lengths);  // [M]
        return (logProbs - logProbs.detach()).Plus(mean).clamp_max(Scalars.Of(10)).exp();  // [M]
    }

    /// <summary>Ratio of a whole sequence, exp(Σlp − Σold), as in TRL's RLOO.</summary>
    /// <remarks>The sum is cut to ±20.</remarks>
    /// <inheritdoc cref="SequenceRatio"/>
    public static Tensor SequenceProductRatio(Tensor logProbs, Tensor oldLogProbs, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        return Sequences.Sum(logProbs - oldLogProbs, lengths).clamp(Scalars.Of(-20), Scalars.Of(20)).exp();  // [B]
    }

    /// <summary>GSPO: the clipped loss of the sequence's ratio, in the token form (Zheng et al. 2025, arXiv:2507.18071, eq. 13). Average with <see cref="LossAverage.Sequence"/>.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="oldLogProbs">old, at collection, without gradient, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
    /// <param name="range">The bounds; GSPO's own if null.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Gspo(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, ReadOnlySpan<int> lengths, ClipRange? range = null)
    {
        Shapes.CheckEqual(logProbs, advantages);
        return ClippedOfRatio(SequenceTokenRatio(logProbs, oldLogProbs, lengths), advantages, range ?? ClipRange.Gspo);  // [M]
    }

    /// <summary>GMPO: −A·exp(1/L·Σ_t clipped log-ratio), the geometric mean of clipped ratios (Zhao et al. 2025, arXiv:2507.20673). Per sequence: average over B.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="oldLogProbs">old, at collection, without gradient, [M].</param>
    /// <param name="advantages">A, [M]; of a sequence their mean counts.</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
    /// <param name="low">Least log-ratio is −low; at least 0.</param>
    /// <param name="high">Greatest log-ratio; at least 0.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Gmpo(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, ReadOnlySpan<int> lengths, double low = 0.4, double high = 0.4)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        Shapes.CheckEqual(logProbs, advantages);
        var sign = advantages.sign();  // [M]
        var logRatio = logProbs - oldLogProbs;  // [M]
        var worse = sign * minimum(sign * logRatio, sign * logRatio.clamp(Scalars.Of(-low), Scalars.Of(high)));  // [M]
        return (Sequences.Mean(advantages, lengths) * Sequences.Mean(worse, lengths).exp()).neg();  // [B]
    }
}
