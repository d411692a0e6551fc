using Plotly.NET;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int MostCorners = 380;

    /// <summary>
    /// The trajectories by any number of objectives: one line each over one upright axis for each objective, from its least to its greatest score. Those on the
    /// front of all objectives in colour, dominated ones pale.
    /// </summary>
    /// <param name="scored">Scores of a batch; every objective is maximised.</param>
    /// <param name="objectives">Which, from left to right; null for all.</param>
    /// <param name="trajectories">Those that were scored, in their order, so that a line says which it is.</param>
    /// <param name="title">Replaces the title, which says how many are on the front.</param>
    /// <exception cref="ArgumentException">Fewer than two objectives, no such objective, the trajectories are not as many, or nobody has all scores.</exception>
    public static Chart ParallelCoordinates(
        RewardBatch scored, IReadOnlyList<string>? objectives = null, IReadOnlyList<Trajectory>? trajectories = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(scored);
        string[] names = [.. objectives ?? [.. scored.Objectives.Keys]];
        if (names.Length < 2)
        {
            throw new ArgumentException($"{names.Length} objectives; at least 2 are needed to compare.", nameof(objectives));
        }

        var space = ObjectiveSpace.Of(scored, names, trajectories);
        double[] low = [.. names.Select((_, k) => space.Points.Min(p => p.Scores[k]))], high = [.. names.Select((_, k) => space.Points.Max(p => p.Scores[k]))];
        // The front has the first claim to what a figure can hold, up to two thirds of it.
        var lines = MostCorners / (names.Length + 1);
        var frontLines = Math.Min(space.Front.Length, Math.Max(2 * lines / 3, lines - space.Dominated.Length));
        var traces = new List<Trace>();
        if (space.Dominated.Length > 0)
        {
            traces.Add(Strands("dominated", space.Dominated, lines - frontLines, low, high, Palette.Pale(Palette.Grey, 0.4), 1));
        }

        traces.Add(Strands("front", space.Front, frontLines, low, high, Palette.Blue, 1.5));
        title ??= FrontTitle(space, "trajectory", "trajectories", null, null);
        var labels = names.Select((n, k) => TickLabel(n, $"{Short(low[k])} to {Short(high[k])}", Math.Max(6, 100 / names.Length))).ToArray();
        var more = 15 * (labels.Max(l => l.Count(c => c == '\n')));
        var panel = new Panel("objective, from its least to its greatest score", "share of its range (up is better)", YRange: (-0.03, 1.03), XRange: (-0.3, names.Length - 0.7), XTicks: [.. labels.Select((l, k) => ((double)k, l))]);
        return Chart.Of(title, Layouts.Of(title, panel, height: 360 + more, bottom: 52 + more), traces);
    }

    // Name over range, in lines of at most so many characters: those of neighbours must not touch.
    private static string TickLabel(string name, string range, int width) => name.Length + 2 + range.Length <= width
        ? $"{name}: {range}"
        : string.Join('\n', PlotlyText.Wrap(name.Replace("_", "_ ", StringComparison.Ordinal), width).Concat(PlotlyText.Wrap(range, width))).Replace("_ ", "_", StringComparison.Ordinal);

    // All lines of one colour are one series with gaps, an even choice of them where they are too many.
    private static Trace Strands(string name, ObjectivePoint[] points, int most, double[] low, double[] high, string colour, double width)
    {
        var shown = points.Length <= most || most < 2 ? points.Take(most).ToArray() : [.. Enumerable.Range(0, most).Select(i => points[(int)((long)i * (points.Length - 1) / (most - 1))])];
        double Share(double score, int k) => high[k] > low[k] ? (score - low[k]) / (high[k] - low[k]) : 0.5;
        double[] x = [.. shown.SelectMany(_ => Enumerable.Range(0, low.Length + 1).Select(k => (double)Math.Min(k, low.Length - 1)))];
        double[] y = [.. shown.SelectMany(p => p.Scores.Select(Share).Append(double.NaN))];
        string[] hover = [.. shown.SelectMany(p => p.Scores.Select((_, k) => k == 0 ? p.Hover : p.Brief).Append(""))];
        return Traces.Line(shown.Length < points.Length ? FormattableString.Invariant($"{name} ({shown.Length} of {points.Length})") : name, x, y, colour, width: width)
            .With(("mode", "lines+markers"), ("marker", new Plotly.NET.TraceObjects.Marker().With(("color", colour), ("size", 4))), ("hovertext", hover), ("hoverinfo", "text"));
    }
}
