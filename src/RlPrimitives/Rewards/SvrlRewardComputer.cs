using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// Task quality against verification cost: R = w·q − c·(cost of the tool calls), so that a call pays where it raises the quality by more than c/w. With
/// <see cref="RewardMethod.Pareto"/> as its method nothing is weighed: the two are compared by front. Both objectives are kept apart on the batch.
/// </summary>
public sealed class SvrlRewardComputer : IRewardComputer
{
    private readonly RewardComputer computer;

    /// <summary>A task and the price of verifying.</summary>
    /// <param name="task">What the answer is worth, larger is better.</param>
    /// <param name="price">c, what one unit of tool cost takes away, at least 0; 0 only records the cost.</param>
    /// <param name="options">How objectives are asked; null for the defaults. A reference point has two numbers: the task's worst score and minus the whole budget.</param>
    /// <param name="weight">w, positive.</param>
    /// <param name="free">Cost of an episode that takes nothing away, at least 0.</param>
    /// <exception cref="ArgumentException">The task is named as the tool cost is ("tool_cost").</exception>
    public SvrlRewardComputer(IObjective task, float price = 0.05f, RewardOptions? options = null, float weight = 1, int free = 0)
    {
        ArgumentNullException.ThrowIfNull(task);
        if (!(price >= 0 && float.IsFinite(price)))
        {
            throw new ArgumentOutOfRangeException(nameof(price), price, "The price of a tool call must be finite and at least 0.");
        }

        if (!(weight > 0 && float.IsFinite(weight)))
        {
            throw new ArgumentOutOfRangeException(nameof(weight), weight, "The weight of the task must be finite and positive.");
        }

        computer = new RewardComputer(options ?? new RewardOptions(), (task, weight), (new ToolCost { Free = free }, price));
    }

    /// <summary>The method where none is asked for; the weighted sum at first.</summary>
    public IRewardMethod Method { get; init; } = RewardMethod.Absolute;

    /// <inheritdoc/>
    public Task<RewardBatch> ComputeRewardsAsync(
        IReadOnlyList<Trajectory> trajectories, IRewardMethod? method = null, CancellationToken cancellationToken = default) =>
        computer.ComputeRewardsAsync(trajectories, method ?? Method, cancellationToken);
}
