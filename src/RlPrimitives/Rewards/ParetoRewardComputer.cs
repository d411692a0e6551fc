using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>A <see cref="RewardComputer"/> whose own method is Pareto comparison: nothing is weighed against anything, each objective is maximised.</summary>
public sealed class ParetoRewardComputer : IRewardComputer
{
    private readonly RewardComputer computer;

    /// <summary>Objectives to be maximised together.</summary>
    /// <param name="objectives">At least two for a trade-off; names are unique.</param>
    public ParetoRewardComputer(params IObjective[] objectives)
        : this(new RewardOptions(), objectives)
    {
    }

    /// <summary>Objectives to be maximised together.</summary>
    /// <param name="options">How they are asked; with a reference point each batch has its hypervolume.</param>
    /// <param name="objectives">At least two for a trade-off; names are unique.</param>
    /// <exception cref="ArgumentException">No objectives, two of one name, or a reference point that does not fit.</exception>
    public ParetoRewardComputer(RewardOptions options, params IObjective[] objectives)
    {
        ArgumentNullException.ThrowIfNull(objectives);
        computer = new RewardComputer(options, Array.ConvertAll(objectives, o => (o, 1f)));
    }

    /// <summary>The method where none is asked for; within the group and by crowding distance at first.</summary>
    public ParetoReward Method { get; init; } = RewardMethod.Pareto();

    /// <inheritdoc/>
    public Task<RewardBatch> ComputeRewardsAsync(
        IReadOnlyList<Trajectory> trajectories, IRewardMethod? method = null, CancellationToken cancellationToken = default) =>
        computer.ComputeRewardsAsync(trajectories, method ?? Method, cancellationToken);
}
