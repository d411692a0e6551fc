using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Policy losses, per token, to be minimised.</summary>
public static class PolicyLoss
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
        var ratio = Ratio(logProbs, oldLogProbs);  // [M]
        var clipped = ratio.clamp(1 - clipLow, 1 + clipHigh);  // [M]
        return minimum(ratio * advantages, clipped * advantages).neg();  // [M]
    }

    /// <summary>ρ = exp(lp − old), the log-ratio clamped to ±20 first, [M].</summary>
    public static Tensor Ratio(Tensor logProbs, Tensor oldLogProbs)
    {
        Shapes.CheckEqual(logProbs, oldLogProbs);
        return (logProbs - oldLogProbs).clamp(-20, 20).exp();
    }
}
