using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Minus what the tool calls of all turns spent, −Σ cost, in (−∞, 0]: by default a call costs 1, one that was refused nothing. Failed calls cost like others.</summary>
public sealed record ToolCost : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "tool_cost";

    /// <summary>Cost that is not counted, at least 0: −max(0, Σ cost − free).</summary>
    public int Free
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Free), value, "Free must be at least 0.");
    }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var cost = trajectory.Turns.IsDefault ? 0 : trajectory.Turns.Sum(t => t.ToolCalls.Sum(c => c.Cost));
        return ValueTask.FromResult<float?>(-Math.Max(0, cost - Free));
    }
}
