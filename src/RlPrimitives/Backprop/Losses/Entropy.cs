using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Entropy of the policy and its bonus.</summary>
public static class Entropy
{
    /// <summary>H = −Σ_v p_v·ln p_v, nats. For whole logits at hand; while training, <see cref="TokenLogProbs"/> computes it without keeping them.</summary>
    /// <param name="logits">[…, V]</param>
    /// <returns>[…]; in [0, ln V].</returns>
    public static Tensor OfLogits(Tensor logits)
    {
        var logProbs = logits.log_softmax(-1);  // […, V]
        return (logProbs.exp() * logProbs).sum(-1).neg();  // […]
    }

    /// <summary>A loss with the entropy bonus: loss − c·H (Williams, Peng 1991; Schulman et al. 2017, arXiv:1707.06347, eq. 9).</summary>
    /// <param name="loss">Per-token loss, to be minimised, [M].</param>
    /// <param name="entropy">H, with gradient, nats, [M].</param>
    /// <param name="coefficient">c, at least 0.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The coefficient is negative.</exception>
    public static Tensor WithBonus(Tensor loss, Tensor entropy, double coefficient)
    {
        Shapes.CheckEqual(loss, entropy);
        ArgumentOutOfRangeException.ThrowIfNegative(coefficient);
        return loss - (entropy * Scalars.Of(coefficient));  // [M]
    }
}
