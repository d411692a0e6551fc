namespace RlPrimitives.Rollouts;

/// <summary>Collected trajectories, ordered by group and member, and what collecting them cost.</summary>
/// <param name="Trajectories">P·G trajectories; the members of a group stand together.</param>
/// <param name="Statistics">Counts, lengths and time.</param>
/// <param name="Timings">When each trajectory ran and where its time went; differs from run to run, unlike the trajectories.</param>
/// <param name="Retried">Attempts that <see cref="RolloutConfig.Retry"/> replaced by another, in order of group, member and attempt.</param>
public sealed record RolloutBatch(
    IReadOnlyList<Trajectory> Trajectories, RolloutStatistics Statistics, RolloutTimings Timings, IReadOnlyList<Trajectory> Retried);

/// <summary>All rollouts of one problem.</summary>
/// <param name="Index">Index of the group within its collection.</param>
/// <param name="Trajectories">G trajectories in order of member.</param>
public sealed record RolloutGroup(int Index, IReadOnlyList<Trajectory> Trajectories);

/// <summary>How far a collection is.</summary>
/// <param name="Finished">Trajectories finished.</param>
/// <param name="Total">Trajectories asked for.</param>
public readonly record struct RolloutProgress(int Finished, int Total);
