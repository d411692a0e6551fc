using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Estimators of KL(π ‖ π_ref) from samples of π, per token, nats (Schulman 2020, "Approximating KL divergence").</summary>
public static class Kl
{
    /// <summary>k3 = exp(ref − lp) − (ref − lp) − 1: unbiased, never negative, low variance.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="referenceLogProbs">ref, the same shape; without gradient.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor K3(Tensor logProbs, Tensor referenceLogProbs)
    {
        Shapes.CheckEqual(logProbs, referenceLogProbs);
        var difference = (referenceLogProbs - logProbs).clamp(-20, 20);  // [M]
        return difference.exp() - difference - 1;  // [M]
    }
}
