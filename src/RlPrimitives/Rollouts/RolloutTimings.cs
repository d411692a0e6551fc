using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>When the trajectories of a collection ran and where their time went. Kept apart from the trajectories, which repeat while times do not.</summary>
/// <param name="Seconds">Wall time of the collection.</param>
/// <param name="Places">Trajectories that could be under way at once.</param>
/// <param name="Timeline">One entry for each attempt, in order of group, member and attempt: a Gantt chart's bars, <see cref="TrajectoryTiming.Place"/> its rows.</param>
/// <param name="Decoding">What the backend computed meanwhile, for others too; null where it does not say.</param>
public sealed record RolloutTimings(double Seconds, int Places, IReadOnlyList<TrajectoryTiming> Timeline, BackendActivity? Decoding)
{
    /// <summary>Mean share of the decode slots in use, over the decode steps, in [0, 1]; null where the backend does not say.</summary>
    public double? SlotOccupancy => Decoding is { Steps: > 0 } d ? Math.Min(1, d.MeanRows / Math.Min(Places, d.Slots)) : null;

    /// <summary>Mean share of the places with a trajectory under way, over the wall time, in [0, 1].</summary>
    public double PlaceOccupancy => Seconds > 0 ? Timeline.Sum(t => t.Seconds) / (Seconds * Places) : 0;

    /// <summary>Seconds spent waiting for the model, over all trajectories; waiting for a turn in the batch included.</summary>
    public double ModelSeconds => Timeline.Sum(t => t.ModelSeconds);

    /// <summary>Seconds spent in tools, over all trajectories.</summary>
    public double ToolSeconds => Timeline.Sum(t => t.ToolSeconds);

    /// <summary>Seconds spent in the environment itself, over all trajectories.</summary>
    public double EnvironmentSeconds => Timeline.Sum(t => t.EnvironmentSeconds);
}

/// <summary>When one attempt at a trajectory ran, in seconds since its collection began.</summary>
/// <param name="Group">Index of the group.</param>
/// <param name="Member">Index within the group.</param>
/// <param name="Attempt">0 for the first.</param>
/// <param name="Place">Which of the parallel places it took, from 0.</param>
/// <param name="Start">When it began.</param>
/// <param name="End">When it ended.</param>
/// <param name="ModelSeconds">Of that, waiting for the model.</param>
/// <param name="ToolSeconds">Of that, in tools, as its turns' tool calls say.</param>
/// <param name="Status">How it ended.</param>
public sealed record TrajectoryTiming(
    int Group, int Member, int Attempt, int Place, double Start, double End, double ModelSeconds, double ToolSeconds, TrajectoryStatus Status)
{
    /// <summary>How long it ran.</summary>
    public double Seconds => End - Start;

    /// <summary>What neither the model nor a tool took.</summary>
    public double EnvironmentSeconds => Math.Max(0, Seconds - ModelSeconds - ToolSeconds);
}
