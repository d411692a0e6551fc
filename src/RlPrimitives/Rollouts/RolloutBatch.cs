namespace RlPrimitives.Rollouts;

/// <summary>Collected trajectories, ordered by group and member, and what collecting them cost.</summary>
/// <param name="Trajectories">P·G trajectories; the members of a group stand together.</param>
/// <param name="Statistics">Counts, lengths and time.</param>
public sealed record RolloutBatch(IReadOnlyList<Trajectory> Trajectories, RolloutStatistics Statistics);

/// <summary>How far a collection is.</summary>
/// <param name="Finished">Trajectories finished.</param>
/// <param name="Total">Trajectories asked for.</param>
public readonly record struct RolloutProgress(int Finished, int Total);
