using RlPrimitives.Environments;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>How near a walk is to a shortest one, in [0, 1]: see <see cref="RandomWalks.Optimality"/>. The walk is the prompt and everything said since; abstains where the goal is out of reach.</summary>
/// <param name="Walks">The graph that the problems were made from.</param>
public sealed record PathOptimality(RandomWalks Walks) : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "path_optimality";

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var said = trajectory.Turns.IsDefault ? "" : string.Concat(trajectory.Turns.Select(t => t.Text));
        return ValueTask.FromResult((float?)Walks.Optimality(trajectory.Problem.Prompt + said));
    }
}
