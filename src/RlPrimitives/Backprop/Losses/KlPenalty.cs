namespace RlPrimitives.Backprop;

/// <summary>Where the penalty for leaving the reference acts.</summary>
public enum KlPlacement
{
    /// <summary>In the loss, β·kl per token (GRPO).</summary>
    Loss,

    /// <summary>In the reward, r_t − β·kl_t, at the values of collection (PPO, RLOO, REINFORCE++).</summary>
    Reward,
}

/// <summary>The penalty that keeps a policy near its reference.</summary>
public sealed record KlPenalty
{
    /// <summary>No penalty, no reference.</summary>
    public static KlPenalty None { get; } = new() { Coefficient = 0 };

    /// <summary>TRL's PPO and RLOO: 0.05·k1 in the reward.</summary>
    public static KlPenalty InReward { get; } = new() { Coefficient = 0.05, Estimator = KlEstimator.K1, Placement = KlPlacement.Reward };

    /// <summary>DeepSeekMath's GRPO: 0.04·k3 in the loss (Shao et al. 2024, arXiv:2402.03300, §4.2).</summary>
    public static KlPenalty InLoss { get; } = new();

    /// <summary>β; at least 0. With <see cref="Target"/> the first one.</summary>
    public double Coefficient
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Coefficient), value, "Coefficient must be finite and at least 0.");
    } = 0.04;

    /// <summary>How the divergence is estimated from the sampled tokens.</summary>
    public KlEstimator Estimator { get; init; } = KlEstimator.K3;

    /// <summary>Bounds that keep one far token from deciding the loss.</summary>
    public KlClamp Clamp { get; init; } = KlClamp.Difference20;

    /// <summary>Where it acts.</summary>
    public KlPlacement Placement { get; init; } = KlPlacement.Loss;

    /// <summary>The mean KL per sequence, nats, that β is adapted to after each update; null keeps β (see <see cref="AdaptiveKlCoefficient"/>).</summary>
    public double? Target
    {
        get;
        init => field = value is null or > 0 ? value : throw new ArgumentOutOfRangeException(nameof(Target), value, "Target must be above 0, or null for a fixed coefficient.");
    }

    /// <summary>Sequences over which β adapts.</summary>
    public int Horizon
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Horizon), value, "Horizon must be at least 1.");
    } = 10_000;
}
