using System.Collections.Immutable;
using RlPrimitives.Environments;

namespace RlPrimitives.Rollouts;

/// <summary>How a trajectory ended.</summary>
public enum TrajectoryStatus
{
    /// <summary>The environment reached a terminal state.</summary>
    Terminated,

    /// <summary>A limit (steps, tokens, context) ended it first.</summary>
    Truncated,

    /// <summary>The environment or a tool threw, or ran out of time; the trajectory is data, outside every baseline.</summary>
    Failed,
}

/// <summary>One finished rollout: a problem, the turns taken on it, and how it ended.</summary>
/// <param name="Problem">What was asked.</param>
/// <param name="Group">Index of the group: members of one group started from the same problem.</param>
/// <param name="Member">Index within the group.</param>
/// <param name="Turns">The exchanges, oldest first.</param>
/// <param name="Status">How it ended.</param>
/// <param name="Error">What was thrown, where <paramref name="Status"/> is <see cref="TrajectoryStatus.Failed"/>.</param>
public sealed record Trajectory(Problem Problem, int Group, int Member, ImmutableArray<Turn> Turns, TrajectoryStatus Status, string? Error = null)
{
    /// <summary>Earlier attempts that were given up for this one (<see cref="RolloutConfig.Retry"/>).</summary>
    public int Attempt { get; init; }

    /// <summary>The text of the last turn; empty where there is none.</summary>
    public string Response => Turns.IsDefaultOrEmpty ? "" : Turns[^1].Text;

    /// <summary>Number of sampled tokens over all turns.</summary>
    public int ResponseTokens => Turns.IsDefaultOrEmpty ? 0 : Turns.Sum(t => t.TokenIds.Length);

    /// <summary>Whether the trajectory may be scored and trained on.</summary>
    public bool IsUsable => Status != TrajectoryStatus.Failed && ResponseTokens > 0;

    /// <summary>Oldest version of the weights that any of its turns was begun with; null where none says.</summary>
    public long? WeightsVersion => Turns.IsDefaultOrEmpty ? null : Turns.Min(t => t.WeightsVersion);
}
