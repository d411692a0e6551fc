using Plotly.NET;
using Plotly.NET.LayoutObjects;
using Plotly.NET.TraceObjects;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const double BarGap = 0.3;

    /// <summary>Accuracy before and after training, one pair of bars per task, with 95 % intervals where they are given or can be computed.</summary>
    /// <param name="results">Label, accuracy before, accuracy after; shares in [0, 1]. NaN shows no bar.</param>
    /// <param name="problems">How many problems each accuracy was measured on: gives the interval of Wilson (1927).</param>
    /// <param name="intervals">Intervals of one's own, one pair for each result; they win over <paramref name="problems"/>.</param>
    /// <param name="title">Replaces the title, which states the change.</param>
    /// <exception cref="ArgumentException">There are no results, or another number of intervals.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An accuracy is outside [0, 1], or <paramref name="problems"/> below 1.</exception>
    public static Chart Accuracy(
        IReadOnlyList<(string Label, double Before, double After)> results, int? problems = null,
        IReadOnlyList<((double Low, double High) Before, (double Low, double High) After)>? intervals = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(results);
        if (results.Count == 0)
        {
            throw new ArgumentException("There are no results to show.", nameof(results));
        }

        foreach (var value in results.SelectMany(r => new[] { r.Before, r.After }))
        {
            if (value is < 0 or > 1)
            {
                throw new ArgumentOutOfRangeException(nameof(results), value, "An accuracy is a share in [0, 1].");
            }
        }

        if (problems < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(problems), problems, "An accuracy is measured on at least 1 problem.");
        }

        if (intervals is not null && intervals.Count != results.Count)
        {
            throw new ArgumentException($"{intervals.Count} intervals for {results.Count} results: give one pair for each.", nameof(intervals));
        }

        intervals ??= problems is { } n ? [.. results.Select(r => (Wilson(r.Before, n), Wilson(r.After, n)))] : null;
        string[] labels = [.. results.Select(r => PlotlyText.Escape(r.Label))];
        Trace[] traces =
        [
            AccuracyBars("before", labels, [.. results.Select(r => r.Before)], intervals?.Select(i => i.Before).ToArray(), Palette.Grey),
            AccuracyBars("after", labels, [.. results.Select(r => r.After)], intervals?.Select(i => i.After).ToArray(), Palette.Blue),
        ];
        var notes = results.SelectMany((r, i) => new[]
        {
            ValueNote(i - ((1 - BarGap) / 4), r.Before, intervals?[i].Before.High), ValueNote(i + ((1 - BarGap) / 4), r.After, intervals?[i].After.High),
        }).OfType<Annotation>().ToArray();
        double before = Thinning.Mean(results.Select(r => r.Before)), after = Thinning.Mean(results.Select(r => r.After));
        title ??= (results.Count == 1 ? results[0].Label : $"Accuracy, mean of {results.Count} tasks") + $": {Percent(before)} → {Percent(after)}"
            + (intervals is null ? "" : problems is null ? " (95 % intervals)" : $" (95 % intervals, {Count(problems.Value, "problem")})");
        var highest = intervals is null ? results.Max(r => Math.Max(Known(r.Before), Known(r.After))) : intervals.Max(i => Math.Max(Known(i.Before.High), Known(i.After.High)));
        return Chart.Of(title, Layouts.Of(title, new Panel(null, "accuracy", YRange: (0, Math.Min(112, (100 * highest) + 12)), Percent: true, Categories: true)).With(
            ("barmode", "group"), ("bargap", BarGap), ("annotations", notes)), traces);
    }

    private static Trace AccuracyBars(string name, string[] labels, double[] shares, (double Low, double High)[]? intervals, string colour) =>
        Traces.Bars(name, labels, [.. shares.Select(s => 100 * s)], colour).With(
            ("hovertemplate", "%{x}: %{y:.4g} %"),
            ("error_y", intervals is null ? null : new Error().With(
                ("type", "data"), ("symmetric", false), ("color", Palette.Grey), ("thickness", 1.5),
                ("array", intervals.Zip(shares, (i, s) => 100 * Math.Max(0, i.High - s)).ToArray()),
                ("arrayminus", intervals.Zip(shares, (i, s) => 100 * Math.Max(0, s - i.Low)).ToArray()))));

    // Above the bar and its interval; a label's place on the axis is its index.
    private static Annotation? ValueNote(double x, double share, double? high) => double.IsNaN(share) ? null : new Annotation().With(
        ("text", Percent(share)), ("x", x), ("y", 100 * Math.Max(share, high ?? share)), ("xref", "x"), ("yref", "y"), ("xanchor", "center"), ("yanchor", "bottom"), ("showarrow", false));

    // Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927: stays inside [0, 1], honest at 0 and 1.
    private static (double Low, double High) Wilson(double share, int n)
    {
        const double z = 1.959964;
        var centre = (share + (z * z / (2 * n))) / (1 + (z * z / n));
        var half = z / (1 + (z * z / n)) * Math.Sqrt((share * (1 - share) / n) + (z * z / (4.0 * n * n)));
        return (centre - half, centre + half);
    }

    private static double Known(double value) => double.IsFinite(value) ? value : 0;
}
