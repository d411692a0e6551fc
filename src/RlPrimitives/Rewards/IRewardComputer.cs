using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Scores collected trajectories; after collection, never during it.</summary>
public interface IRewardComputer
{
    /// <summary>Rewards of trajectories, in their order.</summary>
    /// <param name="trajectories">The trajectories; the members of a group share <see cref="Trajectory.Group"/>.</param>
    /// <param name="method">How scores become rewards; null for the computer's own, which is <see cref="RewardMethod.Absolute"/> unless it says otherwise.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    Task<RewardBatch> ComputeRewardsAsync(
        IReadOnlyList<Trajectory> trajectories, IRewardMethod? method = null, CancellationToken cancellationToken = default);
}
