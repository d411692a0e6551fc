using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int MostStops = 13, MostPale = 30;

    /// <summary>
    /// The front of two objectives while the run goes on: the first batch's and the last one's, and under a slider those between. Without scripts the one in the
    /// middle stands for them.
    /// </summary>
    /// <param name="history">The run; its steps have the scores of each trajectory.</param>
    /// <param name="x">Name of the objective to the right.</param>
    /// <param name="y">Name of the objective upwards.</param>
    /// <param name="reference">Reference point of the hypervolume, [2]; null: the title compares the means of the objectives.</param>
    /// <param name="title">Replaces the title.</param>
    /// <exception cref="ArgumentException">The history has no steps, its steps no scores of these objectives, or the reference has not two coordinates.</exception>
    public static Chart ParetoOverTraining(TrainingHistory history, string x, string y, IReadOnlyList<float>? reference = null, string? title = null)
    {
        Checked(history);
        if (history.All(s => s.Scores.Count == 0 || s.Rewards.Length == 0))
        {
            throw new ArgumentException("No step has the scores of its trajectories (TrainStep.Scores).", nameof(history));
        }

        // As many stops as fit: fronts of large batches are long.
        var most = MostStops;
        Chart chart;
        do
        {
            chart = ParetoOverTraining(history, x, y, reference, title, most);
            most -= 2;
        }
        while (!chart.Fits && most >= 3);
        return chart;
    }

    private static Chart ParetoOverTraining(TrainingHistory history, string x, string y, IReadOnlyList<float>? reference, string? title, int most)
    {
        TrainStep[] scored = [.. history.Where(s => s.Scores.Count > 0 && s.Rewards.Length > 0)];
        TrainStep[] stops = scored.Length <= most ? scored : [.. Enumerable.Range(0, most).Select(i => scored[(int)((long)i * (scored.Length - 1) / (most - 1))])];
        var spaces = Array.ConvertAll(stops, s => ObjectiveSpace.Of(s.Scores, [x, y], new HoverText([.. Enumerable.Range(0, s.Rewards.Length).Select(i => NameOf(s, i))])));
        double[]? origin = reference is null ? null : [.. reference.Select(r => (double)r)];
        double[][] corners = Array.ConvertAll(spaces, s => CornerOf(s, origin));
        double[] corner = [corners.Min(c => c[0]), corners.Min(c => c[1])];
        var traces = new List<Trace>();
        var active = stops.Length / 2;
        var slides = stops.Length > 2; // else the ends are all there is
        for (var i = 0; slides && i < stops.Length; i++)
        {
            traces.AddRange(FrontOf(spaces[i], corner, $"iteration {stops[i].Iteration} (slider)", Palette.Vermillion, pale: true).Select(t => t.With(("visible", i == active))));
        }

        traces.AddRange(FrontOf(spaces[0], corner, $"iteration {stops[0].Iteration}", Palette.Grey, pale: false));
        var fixedTraces = stops.Length > 1 ? 4 : 2;
        if (stops.Length > 1)
        {
            traces.AddRange(FrontOf(spaces[^1], corner, $"iteration {stops[^1].Iteration}", Palette.Blue, pale: false));
        }

        title ??= OverTrainingTitle(history, spaces, x, y, origin);
        var all = spaces.SelectMany(s => s.Points).ToArray();
        var layout = Layouts.Of(title, new Panel(x + " (more is better)", y + " (more is better)", YRange: Whole(corner[1], all.Max(p => p.Scores[1])), XRange: Whole(corner[0], all.Max(p => p.Scores[0]))), height: slides ? 460 : 372, bottom: slides ? 140 : 52).With(("annotations", new[] { GoodCorner() }));
        return Chart.Of(title, !slides ? layout : layout.With(Layouts.Slider("iteration ", [.. stops.Select(s => FormattableString.Invariant($"{s.Iteration}"))], active, Visible)), traces);

        bool[] Visible(int stop) => [.. Enumerable.Range(0, stops.Length).SelectMany(i => Enumerable.Repeat(i == stop, 3)), .. Enumerable.Repeat(true, fixedTraces)];
    }

    private static (double, double) Whole(double low, double high)
    {
        var margin = 0.04 * (high > low ? high - low : 1); // dots at the ends are whole
        return (low - margin, high + margin);
    }

    private static string NameOf(TrainStep step, int i) => FormattableString.Invariant($"iteration {step.Iteration}, ")
        + (i < step.Groups.Length && i < step.Members.Length ? FormattableString.Invariant($"trajectory {step.Groups[i]}.{step.Members[i]}") : FormattableString.Invariant($"trajectory {i}"));

    private static IEnumerable<Trace> FrontOf(ObjectiveSpace space, double[] corner, string name, string colour, bool pale)
    {
        if (pale)
        {
            var stride = Thinning.Stride(space.Dominated.Length, MostPale);
            var few = space.Dominated.Where((_, i) => i % stride == 0).ToArray();
            yield return Traces.Dots("dominated", [.. few.Select(p => p.Scores[0])], [.. few.Select(p => p.Scores[1])], Palette.Pale(colour, 0.4), 6, legend: false);
        }

        var (x, y) = Stairs(space.Front, corner);
        yield return Traces.Line(name, x, y, pale ? Palette.Pale(colour, 0.6) : colour, width: pale ? 6 : 2).With(("hoverinfo", "skip"));
        yield return Traces.Dots(name, [.. space.Front.Select(p => p.Scores[0])], [.. space.Front.Select(p => p.Scores[1])], colour, 7, [.. space.Front.Select(p => p.Hover)], legend: false);
    }

    private static string OverTrainingTitle(TrainingHistory history, ObjectiveSpace[] spaces, string x, string y, double[]? reference)
    {
        string Way(Func<ObjectiveSpace, double> of) => (spaces.Length > 1 ? Short(of(spaces[0])) + " → " : "") + Short(of(spaces[^1]));
        string Mean(int k) => Way(s => MeanOf(s, k));
        var finding = reference is null ? $"mean {x} {Mean(0)}, mean {y} {Mean(1)}"
            : $"hypervolume {Way(s => s.Hypervolume(reference))} from ({string.Join(", ", reference.Select(Short))})";
        return $"Front of {x} and {y} in {Count(history.Count, "iteration")} of {history.Algorithm}: {finding}";
    }

    private static double MeanOf(ObjectiveSpace space, int k) => space.Points.Sum(p => p.Scores[k] * p.Members.Length) / space.Count;
}
