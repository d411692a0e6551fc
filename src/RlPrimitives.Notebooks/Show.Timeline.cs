using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Rollouts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int MostAttempts = 400, MostTold = 120;

    /// <summary>Where the time of a collection went: one row for each parallel place, one bar for each attempt at a trajectory, by how it ended.</summary>
    /// <param name="timings">Of a collection.</param>
    /// <param name="trajectories">The collected ones, so that a bar says what was answered; null where unknown.</param>
    /// <param name="title">Replaces the title, which states how many places were in use on average.</param>
    /// <exception cref="ArgumentException">There is no attempt.</exception>
    public static Chart Timeline(RolloutTimings timings, IReadOnlyList<Trajectory>? trajectories = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(timings);
        if (timings.Timeline.Count == 0)
        {
            throw new ArgumentException("The collection has no attempt to show.", nameof(timings));
        }

        var shown = timings.Timeline.OrderBy(t => t.Start).Take(MostAttempts).ToArray();
        var hover = new HoverText(trajectories, trajectories?.Count ?? 0);
        var index = trajectories?.Select((t, i) => ((t.Group, t.Member, t.Attempt), i)).ToDictionary(p => p.Item1, p => p.i) ?? [];
        var brief = shown.Length > MostTold; // A figure has a size.
        string Over(TrajectoryTiming t)
        {
            var who = !brief && index.TryGetValue((t.Group, t.Member, t.Attempt), out var i) ? hover.Of(i) : FormattableString.Invariant($"trajectory {t.Group}.{t.Member}");
            var attempt = t.Attempt > 0 ? FormattableString.Invariant($", attempt {t.Attempt + 1}") : "";
            return brief ? $"{who}{attempt}, {Short(t.Seconds)} s"
                : $"{who}{attempt}<br>{Short(t.Seconds)} s: model {Short(t.ModelSeconds)}, tools {Short(t.ToolSeconds)}, environment {Short(t.EnvironmentSeconds)}";
        }

        (TrajectoryStatus Status, string Colour)[] kinds = [(TrajectoryStatus.Terminated, Palette.Blue), (TrajectoryStatus.Truncated, Palette.Orange), (TrajectoryStatus.Failed, Palette.Vermillion)];
        var traces = kinds.Select(k => (k, Bars: shown.Where(t => t.Status == k.Status).ToArray())).Where(k => k.Bars.Length > 0).Select(k =>
            Traces.Spans(k.k.Status.ToString().ToLowerInvariant(), [.. k.Bars.Select(t => (double)t.Place)], [.. k.Bars.Select(t => t.Start)], [.. k.Bars.Select(t => t.Seconds)], k.k.Colour, [.. k.Bars.Select(Over)]));
        var rows = shown.Max(t => t.Place) + 1;
        title ??= $"{Percent(Math.Min(1, timings.PlaceOccupancy))} of {Count(timings.Places, "place")} in use over {Short(timings.Seconds)} s"
            + (timings.SlotOccupancy is { } slots ? $", {Percent(slots)} of the decode slots" : "")
            + (shown.Length < timings.Timeline.Count ? $"; the first {shown.Length} of {timings.Timeline.Count} attempts" : $"; {Count(shown.Length, "attempt")}");
        var end = Math.Max(timings.Seconds, shown.Max(t => t.End));
        var layout = Layouts.Of(title, new Panel("seconds since the collection began", "parallel place", YRange: (rows - 0.4, -0.6), XRange: (0, shown.Length < timings.Timeline.Count ? shown.Max(t => t.End) : end),
            YTicks: rows > 12 ? null : [.. Enumerable.Range(0, rows).Select(r => ((double)r, FormattableString.Invariant($"{r}")))]), height: Math.Clamp(180 + (14 * rows), 280, 620));
        return Chart.Of(title, layout.With(("barmode", "overlay"), ("bargap", 0.2)), traces);
    }

    /// <summary>The timeline of a step's collection.</summary>
    /// <param name="step">The step.</param>
    /// <param name="title">Replaces the title.</param>
    /// <exception cref="ArgumentException">The step was made without a collection.</exception>
    public static Chart Timeline(TrainStep step, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Timeline(step.Timings ?? throw new ArgumentException("The step has no timings: it was made without a collection.", nameof(step)), null, title);
    }
}
