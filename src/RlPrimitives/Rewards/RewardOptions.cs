namespace RlPrimitives.Rewards;

/// <summary>How objectives are asked, and what is measured of a batch.</summary>
public sealed record RewardOptions
{
    /// <summary>Most scores awaited at once, at least 1. Objectives are called one after another; only what they await overlaps.</summary>
    public int MaxConcurrency
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxConcurrency), value, "MaxConcurrency must be at least 1.");
    } = 16;

    /// <summary>
    /// Longest wait for one score, positive; ten minutes by default, infinite for none. The objective's token is cancelled then, and one that does not listen, even one that never
    /// awaits, is left behind.
    /// </summary>
    public TimeSpan Timeout
    {
        get;
        init => field = value > TimeSpan.Zero || value == System.Threading.Timeout.InfiniteTimeSpan ? value
            : throw new ArgumentOutOfRangeException(nameof(Timeout), value, "Timeout must be positive, or infinite.");
    } = TimeSpan.FromMinutes(10);

    /// <summary>Whether a score that times out, throws or is not finite is an abstention, counted in <see cref="RewardBatch.Failures"/>. By default it ends the computation with an exception.</summary>
    public bool AbstainOnFailure { get; init; }

    /// <summary>
    /// Reference point of <see cref="RewardBatch.Hypervolume"/>, one finite number for each objective, in their order and as scored; null: none is measured. Choose each
    /// objective's worst possible score, and the same one for all runs to be compared: what does not exceed it in every objective adds nothing. With [0, −64] beside an
    /// exact match and a length, a right answer of 10 tokens spans 1·54.
    /// </summary>
    public float[]? ReferencePoint
    {
        get;
        init => field = value is null || Array.TrueForAll(value, float.IsFinite) ? value
            : throw new ArgumentOutOfRangeException(nameof(ReferencePoint), string.Join(", ", value), "The reference point must be finite.");
    }

    /// <summary>The clock of <see cref="Timeout"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
