using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Policy losses, per token, to be minimised.</summary>
public static partial class PolicyLoss
{
    /// <summary>−min(ρ·A, clip(ρ, 1 − ε_low, 1 + ε_high)·A), ρ = exp(lp − old) (Schulman et al. 2017, arXiv:1707.06347, eq. 7; two ranges: DAPO, arXiv:2503.14476).</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="oldLogProbs">old, at collection, without gradient, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="clipLow">ε_low, in [0, 1].</param>
    /// <param name="clipHigh">ε_high, at least 0.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Clipped(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, double clipLow = 0.2, double clipHigh = 0.2)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        Shapes.CheckEqual(logProbs, advantages);
        return ClippedOfRatio(Ratio(logProbs, oldLogProbs), advantages, clipLow, clipHigh);  // [M]
    }

    /// <summary>The clipped loss with all its bounds: the two of PPO, the dual clip and the cap of the ratio.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="oldLogProbs">old, at collection, without gradient, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="range">The bounds.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Clipped(Tensor logProbs, Tensor oldLogProbs, Tensor advantages, ClipRange range)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        Shapes.CheckEqual(logProbs, advantages);
        return ClippedOfRatio(Ratio(logProbs, oldLogProbs), advantages, range);  // [M]
    }

    /// <summary>The clipped loss of any ratio: of tokens [M], of sequences [B], or of sequences spread over their tokens.</summary>
    /// <remarks>min(ρ, δ) stands for ρ in the unclipped branch; then, where A &lt; 0, loss = min(loss, −c·A).</remarks>
    /// <param name="ratio">ρ.</param>
    /// <param name="advantages">A, the same shape.</param>
    /// <param name="range">The bounds.</param>
    /// <returns>The same shape.</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor ClippedOfRatio(Tensor ratio, Tensor advantages, ClipRange range)
    {
        ArgumentNullException.ThrowIfNull(range);
        Shapes.CheckEqual(ratio, advantages);
        return ClippedOfRatio(ratio, advantages, range.Low, range.High, range.DualClip, range.RatioCap);
    }

    /// <summary>REINFORCE: −A·lp (Williams 1992). Also GPG's loss.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Reinforce(Tensor logProbs, Tensor advantages)
    {
        Shapes.CheckEqual(logProbs, advantages);
        return (advantages * logProbs).neg();  // [M]
    }

    /// <summary>CISPO: −sg(clamp(ρ))·A·lp, every token keeps a gradient (MiniMax 2025, arXiv:2506.13585, eq. 4).</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="ratio">ρ, [M]: of tokens, or of sequences spread over their tokens. No gradient passes through it.</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="bounds">Bounds of the weight.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Cispo(Tensor logProbs, Tensor ratio, Tensor advantages, CispoBounds bounds)
    {
        ArgumentNullException.ThrowIfNull(bounds);
        Shapes.CheckEqual(logProbs, ratio);
        Shapes.CheckEqual(logProbs, advantages);
        return (ratio.detach().clamp(Scalars.Of(bounds.Minimum), Scalars.Of(bounds.Maximum)) * advantages * logProbs).neg();  // [M]
    }

    /// <summary>SAPO: −σ(τ(ρ − 1))·4/τ·A, a soft gate in place of the clip, τ by the sign of A (Gao et al. 2025, arXiv:2511.20347).</summary>
    /// <param name="ratio">ρ, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="temperaturePositive">τ where A &gt; 0; above 0.</param>
    /// <param name="temperatureOther">τ elsewhere; above 0.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Sapo(Tensor ratio, Tensor advantages, double temperaturePositive = 1, double temperatureOther = 1.05)
    {
        Shapes.CheckEqual(ratio, advantages);
        var temperatures = full_like(ratio, Scalars.Of(temperatureOther), requires_grad: false).masked_fill(advantages.gt(Scalars.Of(0)), Scalars.Of(temperaturePositive));  // [M]
        return (((ratio - Scalars.Of(1)) * temperatures).sigmoid() * Scalars.Of(4) / temperatures * advantages).neg();  // [M]
    }

    /// <summary>ρ = exp(lp − old), the log-ratio clamped to ±20 first, [M].</summary>
    public static Tensor Ratio(Tensor logProbs, Tensor oldLogProbs)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        return (logProbs - oldLogProbs).clamp(Scalars.Of(-20), Scalars.Of(20)).exp();
    }

    private static Tensor ClippedOfRatio(Tensor ratio, Tensor advantages, double low, double high, double? dualClip = null, double? ratioCap = null)
    {
        var clipped = ratio.clamp(Scalars.Of(1 - low), Scalars.Of(1 + high));  // [M]
        var free = ratioCap is { } cap ? ratio.clamp_max(Scalars.Of(cap)) : ratio;  // [M]
        var objective = minimum(free * advantages, clipped * advantages);  // [M]
        if (dualClip is { } c)
        {
            objective = where(advantages.lt(Scalars.Of(0)), maximum(objective, advantages * Scalars.Of(c)), objective);  // [M]
        }

        return objective.neg();  // [M]
    }
}
