namespace RlPrimitives.Backprop;

/// <summary>A KL coefficient that follows a target: β ← β·(1 + clip(kl/target − 1, ±0.2)·n/horizon) (Ziegler et al. 2019, arXiv:1909.08593, §2.2).</summary>
public sealed record AdaptiveKlCoefficient
{
    /// <param name="coefficient">β at first; at least 0.</param>
    /// <param name="target">The KL aimed at, in the unit of what is given to <see cref="Next"/>; above 0.</param>
    /// <param name="horizon">Over how many samples β adapts; at least 1.</param>
    public AdaptiveKlCoefficient(double coefficient, double target, int horizon = 10_000) => (Coefficient, Target, Horizon) = (coefficient, target, horizon);

    /// <summary>β now.</summary>
    public double Coefficient
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Coefficient), value, "Coefficient must be finite and at least 0.");
    }

    /// <summary>The KL aimed at.</summary>
    public double Target
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Target), value, "Target must be finite and above 0.");
    }

    /// <summary>Over how many samples β adapts.</summary>
    public int Horizon
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Horizon), value, "Horizon must be at least 1.");
    }

    /// <summary>The coefficient after a batch.</summary>
    /// <param name="kl">Measured KL; finite.</param>
    /// <param name="samples">n, sequences it was measured on; in [0, horizon], more count as the horizon's.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kl"/> is not finite, or <paramref name="samples"/> is negative.</exception>
    public AdaptiveKlCoefficient Next(double kl, int samples)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(samples);
        if (!double.IsFinite(kl))
        {
            throw new ArgumentOutOfRangeException(nameof(kl), kl, "kl must be finite.");
        }

        return this with { Coefficient = Coefficient * (1 + (Math.Clamp((kl / Target) - 1, -0.2, 0.2) * Math.Min(samples, Horizon) / Horizon)) };
    }
}
