using System.Collections.Immutable;

namespace RlPrimitives.Rollouts;

/// <summary>Which trajectories are tried again, and how often. Each attempt has random streams of its own, so a run with retries repeats.</summary>
public sealed record RetryPolicy
{
    /// <summary>Nothing is tried again.</summary>
    public static RetryPolicy None { get; } = new() { MaxRetries = 0 };

    /// <summary>Most further attempts after the first, at least 0.</summary>
    public int MaxRetries
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxRetries), value, "MaxRetries must be at least 0 (0 tries nothing again).");
    } = 1;

    /// <summary>How a trajectory must have ended to be tried again.</summary>
    public ImmutableArray<TrajectoryStatus> Statuses
    {
        get;
        init => field = value.IsDefaultOrEmpty ? throw new ArgumentException("Statuses must name at least one status; RetryPolicy.None tries nothing again.", nameof(Statuses)) : value;
    } = [TrajectoryStatus.Failed];

    /// <summary>Failed trajectories, up to <paramref name="times"/> more times.</summary>
    public static RetryPolicy Times(int times) => new() { MaxRetries = times };

    /// <summary>Whether another attempt follows the given one.</summary>
    internal bool Covers(Trajectory trajectory) => trajectory.Attempt < MaxRetries && Statuses.Contains(trajectory.Status);
}
