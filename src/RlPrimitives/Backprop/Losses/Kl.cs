using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Estimators of KL(π ‖ π_ref) from samples of π, per token, nats (Schulman 2020, "Approximating KL divergence"). lp is of π, ref of π_ref.</summary>
public static class Kl
{
    /// <summary>k1 = lp − ref: unbiased, may be negative.</summary>
    /// <remarks>Its gradient has expectation 0 under π: for the reward, not for the loss.</remarks>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="referenceLogProbs">ref, the same shape; without gradient.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor K1(Tensor logProbs, Tensor referenceLogProbs) => Estimate(logProbs, referenceLogProbs, KlEstimator.K1, KlClamp.None);

    /// <summary>k2 = ½(lp − ref)²: biased, but its gradient is an unbiased gradient of the KL (Tang, Munos 2025, arXiv:2506.09477).</summary>
    /// <inheritdoc cref="K1"/>
    public static Tensor K2(Tensor logProbs, Tensor referenceLogProbs) => Estimate(logProbs, referenceLogProbs, KlEstimator.K2, KlClamp.None);

    /// <summary>k3 = exp(ref − lp) − (ref − lp) − 1: unbiased, never negative, low variance.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="referenceLogProbs">ref, the same shape; without gradient.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor K3(Tensor logProbs, Tensor referenceLogProbs) => Estimate(logProbs, referenceLogProbs, KlEstimator.K3, KlClamp.Difference20);

    /// <summary>k3+: the value of k3, the gradient of k2 (verl's "k3+"; Tang, Munos 2025, arXiv:2506.09477).</summary>
    /// <inheritdoc cref="K1"/>
    public static Tensor K3Plus(Tensor logProbs, Tensor referenceLogProbs) => Estimate(logProbs, referenceLogProbs, KlEstimator.K3Plus, KlClamp.Difference20);

    /// <summary>Any of the estimators, with clamping as chosen.</summary>
    /// <param name="logProbs">lp, of the sampled tokens, nats, [M].</param>
    /// <param name="referenceLogProbs">ref, the same shape; without gradient.</param>
    /// <param name="estimator">Which.</param>
    /// <param name="clamp">Bounds of difference and result; beyond them the gradient is 0, except k3+'s, which is k2's everywhere.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Estimate(Tensor logProbs, Tensor referenceLogProbs, KlEstimator estimator, KlClamp clamp)
    {
        Shapes.CheckEqual(logProbs, referenceLogProbs);
        ArgumentNullException.ThrowIfNull(clamp);
        if (estimator == KlEstimator.K3Plus)
        {
            var value = Estimate(logProbs, referenceLogProbs, KlEstimator.K3, clamp).detach();  // [M]
            var slope = K2(logProbs, referenceLogProbs);  // [M]
            return value.Plus(slope - slope.detach());  // [M]
        }

        var difference = (referenceLogProbs - logProbs).clamp(Scalars.Of(-clamp.Difference), Scalars.Of(clamp.Difference));  // [M]
        var kl = estimator switch
        {
            KlEstimator.K1 => difference.neg(),
            KlEstimator.K2 => difference.Squared() * Scalars.Of(0.5),
            KlEstimator.Absolute => difference.abs(),
            _ => difference.exp() - difference - Scalars.Of(1),
        };  // [M]
        return double.IsPositiveInfinity(clamp.Result) ? kl : kl.clamp(Scalars.Of(-clamp.Result), Scalars.Of(clamp.Result));  // [M]
    }

    /// <summary>The value of an estimator for one token.</summary>
    /// <param name="logProb">lp, nats.</param>
    /// <param name="referenceLogProb">ref, nats.</param>
    /// <param name="estimator">Which.</param>
    /// <param name="clamp">Bounds of difference and result; null for none.</param>
    public static double Of(double logProb, double referenceLogProb, KlEstimator estimator, KlClamp? clamp = null)
    {
        clamp ??= KlClamp.None;
        var difference = Math.Clamp(referenceLogProb - logProb, -clamp.Difference, clamp.Difference);
        var kl = estimator switch
        {
            KlEstimator.K1 => -difference,
            KlEstimator.K2 => 0.5 * difference * difference,
            KlEstimator.Absolute => Math.Abs(difference),
            _ => Math.Exp(difference) - difference - 1,
        };
        return Math.Clamp(kl, -clamp.Result, clamp.Result);
    }
}
