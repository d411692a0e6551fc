namespace RlPrimitives.Backprop;

/// <summary>Bounds on the ratio ρ of the clipped policy loss.</summary>
public sealed record ClipRange
{
    /// <summary>PPO: 1 ± 0.2 (Schulman et al. 2017, arXiv:1707.06347).</summary>
    public static ClipRange Ppo { get; } = new();

    /// <summary>DAPO: [1 − 0.2, 1 + 0.28] (Yu et al. 2025, arXiv:2503.14476, §3.1).</summary>
    public static ClipRange Dapo { get; } = new() { High = 0.28 };

    /// <summary>verl: 1 ± 0.2 and a dual clip at 3.</summary>
    public static ClipRange Verl { get; } = new() { DualClip = 3 };

    /// <summary>GSPO, for ratios of sequences: [1 − 3e-4, 1 + 4e-4] (Zheng et al. 2025, arXiv:2507.18071, §5.1).</summary>
    public static ClipRange Gspo { get; } = new() { Low = 3e-4, High = 4e-4 };

    /// <summary>ε_low, in [0, 1].</summary>
    public double Low
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Low), value, "Low must be in [0, 1].");
    } = 0.2;

    /// <summary>ε_high, at least 0.</summary>
    public double High
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(High), value, "High must be at least 0.");
    } = 0.2;

    /// <summary>c: where A &lt; 0 the loss is at most −c·A (Ye et al. 2020, arXiv:1912.09729); above 1; null for none.</summary>
    public double? DualClip
    {
        get;
        init => field = value is null or > 1 ? value : throw new ArgumentOutOfRangeException(nameof(DualClip), value, "DualClip must be above 1.");
    }

    /// <summary>δ: the unclipped branch uses min(ρ, δ), whatever the sign of A (INTELLECT-2, arXiv:2505.07291; TRL's delta); above 1; null for none.</summary>
    public double? RatioCap
    {
        get;
        init => field = value is null or > 1 ? value : throw new ArgumentOutOfRangeException(nameof(RatioCap), value, "RatioCap must be above 1.");
    }
}

/// <summary>Bounds on CISPO's weight, which carries no gradient. The peers disagree, so the preset says whose they are.</summary>
/// <param name="Minimum">Least weight, at least 0; 0 for no bound.</param>
/// <param name="Maximum">Greatest weight, above 0 and at least the least.</param>
public sealed record CispoBounds(double Minimum, double Maximum)
{
    /// <summary>Least weight.</summary>
    public double Minimum { get; } = Minimum >= 0 ? Minimum : throw new ArgumentOutOfRangeException(nameof(Minimum), Minimum, "Minimum must be at least 0.");

    /// <summary>Greatest weight.</summary>
    public double Maximum { get; } = Maximum > 0 && Maximum >= Minimum ? Maximum
        : throw new ArgumentOutOfRangeException(nameof(Maximum), Maximum, "Maximum must be above 0 and at least Minimum.");

    /// <summary>TRL: only an upper bound, given raw.</summary>
    public static CispoBounds Trl(double maximum = 5) => new(0, maximum);

    /// <summary>verl: [1 − ε_low, 1 + ε_high].</summary>
    public static CispoBounds Verl(double low = 0.2, double high = 0.2) => new(1 - low, 1 + high);
}
