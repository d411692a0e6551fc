using Plotly.NET;
using Plotly.NET.LayoutObjects;
using Plotly.NET.TraceObjects;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const double BarGap = 0.3;

    /// <summary>Accuracy before and after training, one pair of bars per task, with 95 % intervals.</summary>
    /// <param name="results">Label, accuracy before, accuracy after; one of 0 problems shows no bar.</param>
    /// <param name="title">Replaces the title, which states the change.</param>
    /// <exception cref="ArgumentException">There are no results.</exception>
    public static Chart Accuracy(IReadOnlyList<(string Label, Accuracy Before, Accuracy After)> results, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(results);
        if (results.Count == 0)
        {
            throw new ArgumentException("There are no results to show.", nameof(results));
        }

        string[] labels = [.. results.Select(r => PlotlyText.Escape(r.Label))];
        Trace[] traces =
        [
            AccuracyBars("before", labels, [.. results.Select(r => r.Before)], Palette.Grey),
            AccuracyBars("after", labels, [.. results.Select(r => r.After)], Palette.Blue),
        ];
        var notes = results.SelectMany((r, i) => new[] { ValueNote(i - ((1 - BarGap) / 4), r.Before), ValueNote(i + ((1 - BarGap) / 4), r.After) }).OfType<Annotation>().ToArray();
        int[] counts = [.. results.SelectMany(r => new[] { r.Before.Count, r.After.Count }).Where(c => c > 0).Distinct()];
        title ??= $"Accuracy: {string.Join(", ", results.Select(r => $"{r.Label} {Percent(r.Before.Value)} → {Percent(r.After.Value)}"))}"
            + $" (95 % intervals{(counts.Length == 1 ? $", {Count(counts[0], "problem")}" : "")})";
        var highest = results.Max(r => Math.Max(Known(r.Before.High), Known(r.After.High)));
        return Chart.Of(title, Layouts.Of(title, new Panel(null, "accuracy", YRange: (0, Math.Min(112, (100 * highest) + 12)), Percent: true, Categories: true)).With(
            ("barmode", "group"), ("bargap", BarGap), ("annotations", notes)), traces);
    }

    private static Trace AccuracyBars(string name, string[] labels, Accuracy[] results, string colour) =>
        Traces.Bars(name, labels, [.. results.Select(r => 100 * r.Value)], colour).With(
            ("hovertemplate", "%{x}: %{y:.4g} %"),
            ("error_y", new Error().With(
                ("type", "data"), ("symmetric", false), ("color", Palette.Grey), ("thickness", 1.5),
                ("array", results.Select(r => 100 * Known(r.High - r.Value)).ToArray()),
                ("arrayminus", results.Select(r => 100 * Known(r.Value - r.Low)).ToArray()))));

    // Above the bar and its interval; a label's place on the axis is its index.
    private static Annotation? ValueNote(double x, Accuracy result) => result.Count == 0 ? null : new Annotation().With(
        ("text", Percent(result.Value)), ("x", x), ("y", 100 * result.High), ("xref", "x"), ("yref", "y"), ("xanchor", "center"), ("yanchor", "bottom"), ("showarrow", false));

    private static double Known(double value) => double.IsFinite(value) ? value : 0;
}
