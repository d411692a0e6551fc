using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// Minus the wall time that the trajectory's responses and tool calls took, seconds, in (−∞, 0]. A measurement: it depends on the machine and on what else ran, and differs
/// from run to run. Where runs must repeat use <see cref="ResponseLength"/> and <see cref="ToolCost"/>.
/// </summary>
public sealed record Latency : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "latency";

    /// <summary>Seconds that cost nothing, at least 0.</summary>
    public double Free
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Free), value, "Free must be finite and at least 0.");
    }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var seconds = trajectory.Turns.IsDefault ? 0 : trajectory.Turns.Sum(t => t.Seconds + t.ToolCalls.Sum(c => c.Seconds));
        return ValueTask.FromResult<float?>(-(float)Math.Max(0, seconds - Free));
    }
}
