namespace RlPrimitives.Backprop;

/// <summary>What a group's centred rewards are divided by.</summary>
public enum AdvantageNormalization
{
    /// <summary>The group's standard deviation (GRPO).</summary>
    GroupDeviation,

    /// <summary>Nothing: no bias towards problems that are almost always or almost never solved (Dr.GRPO, arXiv:2503.20783).</summary>
    None,

    /// <summary>The group's mean: the rarer a success, the more it weighs (MaxRL). For rewards that are never negative.</summary>
    GroupMean,
}

/// <summary>Where implementations of group-relative advantages disagree; each preset is named after the implementation whose numbers it gives.</summary>
public sealed record GroupConvention
{
    /// <summary>TRL: (r − μ)/(s + 1e-4).</summary>
    public static GroupConvention Trl { get; } = new();

    /// <summary>verl: (r − μ)/(s + 1e-6); a group of one keeps its reward as advantage.</summary>
    public static GroupConvention Verl { get; } = new() { Epsilon = 1e-6, SingleKeepsReward = true };

    /// <summary>SkyRL and slime: (r − μ)/(s + 1e-6); a group of one has advantage 0.</summary>
    public static GroupConvention SkyRl { get; } = new() { Epsilon = 1e-6 };

    /// <summary>OpenRLHF: (r − μ)/(s + 1e-9).</summary>
    public static GroupConvention OpenRlhf { get; } = new() { Epsilon = 1e-9 };

    /// <summary>Dr.GRPO: r − μ (Liu et al. 2025, arXiv:2503.20783).</summary>
    public static GroupConvention DrGrpo { get; } = new() { Normalization = AdvantageNormalization.None };

    /// <summary>MaxRL: (r − μ)/(μ + 1e-6).</summary>
    public static GroupConvention MaxRl { get; } = new() { Normalization = AdvantageNormalization.GroupMean, Epsilon = 1e-6 };

    /// <summary>What r − μ is divided by.</summary>
    public AdvantageNormalization Normalization { get; init; } = AdvantageNormalization.GroupDeviation;

    /// <summary>ε, added to the divisor; at least 0.</summary>
    public double Epsilon
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Epsilon), value, "Epsilon must be finite and at least 0.");
    } = 1e-4;

    /// <summary>Whether the advantage of a group of one is its reward; otherwise 0.</summary>
    public bool SingleKeepsReward { get; init; }
}
