namespace RlPrimitives.Rollouts;

/// <summary>How rollouts are collected.</summary>
public sealed record RolloutConfig
{
    /// <summary>Trajectories under way at once.</summary>
    public int NumParallel
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(NumParallel), value, "NumParallel must be at least 1.");
    } = 64;

    /// <summary>Whether a finished trajectory's place is taken at once; otherwise only when all of a wave are finished.</summary>
    public bool MaintainParallelCount { get; init; } = true;

    /// <summary>G, trajectories that start from the same problem.</summary>
    public int GroupSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(GroupSize), value, "GroupSize must be at least 1.");
    } = 1;

    /// <summary>Most environment steps of one trajectory; one more makes it truncated.</summary>
    public int MaxSteps
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxSteps), value, "MaxSteps must be at least 1.");
    } = 32;

    /// <summary>Seed of the problem order and of every random stream.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether requests are admitted in a fixed order, so that a run repeats bit for bit; costs waiting where environments are slow.</summary>
    public bool Deterministic { get; init; } = true;
}
