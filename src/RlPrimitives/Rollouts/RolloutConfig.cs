namespace RlPrimitives.Rollouts;

/// <summary>How rollouts are collected.</summary>
public sealed record RolloutConfig
{
    /// <summary>Trajectories under way at once.</summary>
    public int NumParallel { get; init => field = AtLeastOne(value, nameof(NumParallel)); } = 64;

    /// <summary>Whether a finished trajectory's place is taken at once; otherwise only when all of a wave are finished.</summary>
    public bool MaintainParallelCount { get; init; } = true;

    /// <summary>G, trajectories that start from the same problem.</summary>
    public int GroupSize { get; init => field = AtLeastOne(value, nameof(GroupSize)); } = 1;

    /// <summary>Most environment steps of one trajectory; one more makes it truncated.</summary>
    public int MaxSteps { get; init => field = AtLeastOne(value, nameof(MaxSteps)); } = 32;

    /// <summary>
    /// Most tokens sampled in one trajectory, over all its turns; the last generation is cut short at it and the trajectory truncated. Null: no limit but that of each generation.
    /// A step that asks the model several times may go beyond it by what it asks for after the first time.
    /// </summary>
    public int? MaxResponseTokens { get; init => field = value is { } v ? AtLeastOne(v, nameof(MaxResponseTokens)) : null; }

    /// <summary>Most tokens of the whole sequence, prompts, observations and responses together; then the trajectory is truncated. Null: the model's context.</summary>
    public int? MaxSequenceTokens
    {
        get;
        init => field = value is null or >= 2 ? value
            : throw new ArgumentOutOfRangeException(nameof(MaxSequenceTokens), value, "MaxSequenceTokens must be at least 2: a token to read and one to answer.");
    }

    /// <summary>Seed of the problem order and of every random stream.</summary>
    public ulong Seed { get; init; }

    /// <summary>Whether requests are admitted in a fixed order, so that a run repeats bit for bit; costs waiting where environments are slow.</summary>
    public bool Deterministic { get; init; } = true;

    /// <summary>
    /// Longest time that one step may spend outside the model, in the environment and its tools; infinite for none. Then the trajectory fails, even if the environment
    /// does not listen to its cancellation token: what is left of it cannot ask the model any more.
    /// </summary>
    public TimeSpan StepTimeout { get; init => field = Positive(value, nameof(StepTimeout)); } = TimeSpan.FromMinutes(10);

    /// <summary>Longest time that all steps of one trajectory together may spend outside the model; infinite by default.</summary>
    public TimeSpan TrajectoryTimeout { get; init => field = Positive(value, nameof(TrajectoryTimeout)); } = Timeout.InfiniteTimeSpan;

    /// <summary>Which trajectories are tried again; none by default.</summary>
    public RetryPolicy Retry { get; init; } = RetryPolicy.None;

    /// <summary>The clock of time limits and timings.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    private static int AtLeastOne(int value, string name) =>
        value >= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be at least 1.");

    private static TimeSpan Positive(TimeSpan value, string name) => value > TimeSpan.Zero || value == Timeout.InfiniteTimeSpan ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be positive, or Timeout.InfiniteTimeSpan for none.");
}
