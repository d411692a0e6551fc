namespace RlPrimitives.Backprop;

/// <summary>What one optimizer round measured, averaged over its trained tokens unless said otherwise.</summary>
/// <param name="Loss">The loss that was minimised, KL penalty included.</param>
/// <param name="Entropy">Entropy of the policy at the sampled positions, nats.</param>
/// <param name="Kl">k3 estimate of KL(policy ‖ reference), nats; NaN without a reference.</param>
/// <param name="ClipLow">Share of tokens clipped below (ratio &lt; 1 − ε, negative advantage), in [0, 1].</param>
/// <param name="ClipHigh">Share of tokens clipped above (ratio &gt; 1 + ε, positive advantage), in [0, 1].</param>
/// <param name="RatioMean">Mean of π/π_old; 1 where nothing has moved.</param>
/// <param name="GradientNorm">Global L2 norm before clipping; the last optimizer step's.</param>
/// <param name="LearningRate">Of the last optimizer step.</param>
/// <param name="SamplerDifference">Largest |sampler log-prob − trainer log-prob| before the first step, nats: should be rounding noise.</param>
/// <param name="Tokens">Trained tokens per epoch.</param>
/// <param name="OptimizerSteps">Optimizer steps taken.</param>
public sealed record UpdateStatistics(
    double Loss, double Entropy, double Kl, double ClipLow, double ClipHigh, double RatioMean, double GradientNorm,
    double LearningRate, double SamplerDifference, int Tokens, int OptimizerSteps)
{
    /// <summary>Of a round without anything to train on.</summary>
    public static UpdateStatistics None { get; } = new(0, 0, double.NaN, 0, 0, 1, 0, 0, 0, 0, 0);
}
