namespace RlPrimitives.Backprop;

/// <summary>What one update measured: over all trained tokens of all its optimizer steps, unless said otherwise. The glossary in Algorithms/README.md gives formulas and healthy ranges.</summary>
public sealed record UpdateStatistics
{
    /// <summary>Of a round without anything to train on.</summary>
    public static UpdateStatistics None { get; } = new();

    /// <summary>What was minimised, all terms together; mean of the optimizer steps.</summary>
    public double Loss { get; init; }

    /// <summary>The policy's part of the loss; mean of the optimizer steps.</summary>
    public double PolicyLoss { get; init; }

    /// <summary>The value loss before its coefficient; mean of the optimizer steps; NaN without a value model.</summary>
    public double ValueLoss { get; init; } = double.NaN;

    /// <summary>Mean entropy of the policy at the sampled places, nats.</summary>
    public double Entropy { get; init; }

    /// <summary>Mean estimate of KL(policy ‖ reference) per token, nats; NaN without a reference.</summary>
    public double Kl { get; init; } = double.NaN;

    /// <summary>The estimator behind <see cref="Kl"/>.</summary>
    public KlEstimator KlEstimator { get; init; } = KlEstimator.K3;

    /// <summary>β that was applied.</summary>
    public double KlCoefficient { get; init; }

    /// <summary>Mean k3 estimate of KL(policy at collection ‖ policy) per token, nats: how far the update has moved.</summary>
    public double PolicyKl { get; init; }

    /// <summary>Share of tokens clipped below (ratio under the bound, negative advantage), in [0, 1].</summary>
    public double ClipLow { get; init; }

    /// <summary>Share of tokens clipped above (ratio over the bound, positive advantage), in [0, 1].</summary>
    public double ClipHigh { get; init; }

    /// <summary>Mean of the ratio that the loss looks at; 1 where nothing has moved.</summary>
    public double RatioMean { get; init; } = 1;

    /// <summary>Largest ratio.</summary>
    public double RatioMax { get; init; } = 1;

    /// <summary>Global L2 norm of the policy's gradients before clipping; the last optimizer step's.</summary>
    public double GradientNorm { get; init; }

    /// <summary>The same of a value model's; NaN without one.</summary>
    public double ValueGradientNorm { get; init; } = double.NaN;

    /// <summary>Of the last optimizer step.</summary>
    public double LearningRate { get; init; }

    /// <summary>Largest |sampler log-prob − trainer log-prob| before the first step, nats: rounding noise where both are the same model.</summary>
    public double SamplerDifference { get; init; }

    /// <summary>Mean of the same.</summary>
    public double SamplerDifferenceMean { get; init; }

    /// <summary>Mean weight of the sampler correction; 1 without one.</summary>
    public double SamplerWeightMean { get; init; } = 1;

    /// <summary>Share of tokens whose weight of the sampler correction was out of bounds and was truncated or masked, in [0, 1]; 0 without one.</summary>
    public double SamplerOutside { get; init; }

    /// <summary>Explained variance of the values at collection, at most 1; NaN without a value model.</summary>
    public double ExplainedVariance { get; init; } = double.NaN;

    /// <summary>Trained tokens of one epoch.</summary>
    public int Tokens { get; init; }

    /// <summary>Trained tokens of all optimizer steps: <see cref="Tokens"/> times the epochs, less where the update ended early.</summary>
    public long TrainedTokens { get; init; }

    /// <summary>Optimizer steps taken.</summary>
    public int OptimizerSteps { get; init; }
}
