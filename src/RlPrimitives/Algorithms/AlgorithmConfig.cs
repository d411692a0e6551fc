using RlPrimitives.Backprop;
using RlPrimitives.Rewards;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>What an algorithm does with collected rollouts. Published variants are presets of it; change one with <c>with</c>.</summary>
public sealed partial record AlgorithmConfig
{
    /// <summary>B = P·G, trajectories of one iteration; a multiple of the group size.</summary>
    public int BatchSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(BatchSize), value, "BatchSize must be at least 1.");
    } = 128;

    /// <summary>How scores become rewards; null for the reward computer's own method (<see cref="RewardMethod.Absolute"/> for a <see cref="RewardComputer"/>).</summary>
    public IRewardMethod? Rewards { get; init; }

    /// <summary>
    /// How rewards become advantages; null for the algorithm's own way. GRPO's own is <see cref="GroupRelativeAdvantage"/>, or <see cref="BatchRelativeAdvantage"/> where the rewards are
    /// standardised within groups already (<see cref="IRewardMethod.IsStandardized"/>).
    /// </summary>
    public IAdvantageEstimator? Advantages { get; init; }

    /// <summary>What is minimised, and in how many steps; null for the algorithm's own.</summary>
    public UpdateConfig? Update { get; init; }

    /// <summary>Collects again where groups have no variance; null trains on what was collected.</summary>
    public DynamicSampling? DynamicSampling { get; init; }

    /// <summary>A penalty near the length limit; null for none.</summary>
    public Overlong? Overlong { get; init; }

    /// <summary>Whether trajectories ended by a limit take no part in the update: their reward says nothing about how they would have ended.</summary>
    public bool MasksTruncated { get; init; }

    /// <summary>Evaluation on held-out problems while training; null for none.</summary>
    public EvaluationPlan? Evaluation { get; init; }

    /// <summary>Where checkpoints go, each a folder of its own; null for none. <see cref="Algorithm.ResumeAsync"/> goes on from the newest.</summary>
    public string? CheckpointDirectory { get; init; }

    /// <summary>Iterations between two checkpoints; at least 1. The last iteration of a call is always saved.</summary>
    public int SaveEvery
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(SaveEvery), value, "SaveEvery must be at least 1.");
    } = 10;

    /// <summary>Checkpoints kept beside the best one; at least 1.</summary>
    public int KeepLast
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(KeepLast), value, "KeepLast must be at least 1.");
    } = 2;

    /// <summary>How new weights get to a sampler that has a copy of its own (<see cref="RlPrimitives.Inference.VllmBackend"/>); null where it generates with the trained model itself.</summary>
    public WeightSync? WeightSync { get; init; }

    /// <summary>When a step carries a warning.</summary>
    public AlarmThresholds Alarms { get; init; } = new();

    /// <summary>Where every step and every completion is recorded; null for nowhere.</summary>
    public TrackingConfig? Tracking { get; init; }
}

/// <summary>Only groups whose members differ teach anything: collect until a batch of them is full (Yu et al. 2025, DAPO, arXiv:2503.14476, §3.2).</summary>
public sealed record DynamicSampling
{
    /// <summary>Most collections of one iteration, the first included; at least 1. What is full by then is trained on.</summary>
    public int MaxRounds
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxRounds), value, "MaxRounds must be at least 1.");
    } = 4;

    /// <summary>The objective whose scores must differ; null for the total reward.</summary>
    public string? Objective { get; init; }

    /// <summary>Scores this close count as equal; at least 0.</summary>
    public double Tolerance
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Tolerance), value, "Tolerance must be at least 0.");
    } = 1e-6;
}

/// <summary>The length penalty of <see cref="OverlongPenalty"/>, added to the reward.</summary>
/// <param name="MaxLength">L_max, sampled tokens; at least 1.</param>
/// <param name="Buffer">Tokens before the limit over which it falls; in [1, L_max].</param>
/// <param name="Factor">The penalty at the limit; at least 0.</param>
public sealed record Overlong(int MaxLength, int Buffer, double Factor = 1)
{
    /// <summary>L_max, sampled tokens.</summary>
    public int MaxLength { get; } = MaxLength >= 1 ? MaxLength : throw new ArgumentOutOfRangeException(nameof(MaxLength), MaxLength, "MaxLength must be at least 1.");

    /// <summary>Tokens before the limit over which it falls.</summary>
    public int Buffer { get; } = Buffer >= 1 && Buffer <= MaxLength ? Buffer
        : throw new ArgumentOutOfRangeException(nameof(Buffer), Buffer, $"Buffer must be in [1, MaxLength], and MaxLength is {MaxLength}.");

    /// <summary>The penalty at the limit.</summary>
    public double Factor { get; } = Factor >= 0 && double.IsFinite(Factor) ? Factor : throw new ArgumentOutOfRangeException(nameof(Factor), Factor, "Factor must be finite and at least 0.");
}
