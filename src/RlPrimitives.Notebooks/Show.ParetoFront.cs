using Plotly.NET;
using Plotly.NET.LayoutObjects;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>
    /// The trajectories by two of their objectives: the front as a staircase, dominated points pale, the good corner marked. Equal points are one dot, the larger
    /// the more there are; over a dot is read who is there.
    /// </summary>
    /// <param name="scored">Scores of a batch; every objective is maximised.</param>
    /// <param name="x">Name of the objective to the right.</param>
    /// <param name="y">Name of the objective upwards.</param>
    /// <param name="trajectories">Those that were scored, in their order, so that a dot says which it is.</param>
    /// <param name="title">Replaces the title, which says how many are on the front, and the hypervolume where it is known.</param>
    /// <param name="reference">Reference point of the hypervolume, [2]; the area that counts is then shaded.</param>
    /// <exception cref="ArgumentException">There is no such objective, the trajectories are not as many, nobody has both scores, or the reference has not two coordinates.</exception>
    public static Chart ParetoFront(
        RewardBatch scored, string x, string y, IReadOnlyList<Trajectory>? trajectories = null, string? title = null, IReadOnlyList<float>? reference = null)
    {
        var space = ObjectiveSpace.Of(scored, [x, y], trajectories);
        var known = reference is null && scored.Objectives.Count == 2 ? scored.Hypervolume : null; // Of more objectives it is another volume.
        return ParetoFront(space, "trajectory", "trajectories", reference is null ? null : [.. reference.Select(r => (double)r)], title, known);
    }

    /// <summary>Points of two objectives, as <see cref="ParetoFront(RewardBatch, string, string, IReadOnlyList{Trajectory}?, string?, IReadOnlyList{float}?)"/> shows trajectories.</summary>
    /// <param name="points">[n][2], each coordinate maximised.</param>
    /// <param name="names">Of the two objectives.</param>
    /// <param name="labels">A name for each point; null for its index.</param>
    /// <param name="title">Replaces the title.</param>
    /// <param name="reference">Reference point of the hypervolume, [2].</param>
    /// <exception cref="ArgumentException">Not two names, a point or reference of another length, another number of labels, or no point.</exception>
    public static Chart ParetoFront(
        IReadOnlyList<float[]> points, string[] names, IReadOnlyList<string>? labels = null, string? title = null, IReadOnlyList<float>? reference = null)
    {
        ArgumentNullException.ThrowIfNull(points);
        return ParetoFront([.. points.Select(p => Array.ConvertAll(p, v => (double)v))], names, labels, title, reference is null ? null : [.. reference.Select(r => (double)r)]);
    }

    /// <inheritdoc cref="ParetoFront(IReadOnlyList{float[]}, string[], IReadOnlyList{string}?, string?, IReadOnlyList{float}?)"/>
    public static Chart ParetoFront(
        IReadOnlyList<double[]> points, string[] names, IReadOnlyList<string>? labels = null, string? title = null, IReadOnlyList<double>? reference = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        if (names.Length != 2)
        {
            throw new ArgumentException($"{names.Length} names; a plane has 2 objectives (Show.ParetoFront3D takes 3, Show.ParallelCoordinates any number).", nameof(names));
        }

        return ParetoFront(SpaceOf(points, names, labels), "point", "points", reference is null ? null : [.. reference], title, null);
    }

    private static ObjectiveSpace SpaceOf(IReadOnlyList<double[]> points, string[] names, IReadOnlyList<string>? labels)
    {
        ArgumentNullException.ThrowIfNull(points);
        return labels is not null && labels.Count != points.Count
            ? throw new ArgumentException($"{labels.Count} labels for {points.Count} points: give one for each.", nameof(labels))
            : ObjectiveSpace.Of(names, points, labels is null ? new HoverText([.. points.Select((_, i) => FormattableString.Invariant($"point {i}"))]) : new HoverText(labels));
    }

    private static Chart ParetoFront(ObjectiveSpace space, string one, string many, double[]? reference, string? title, double? hypervolume)
    {
        var traces = new List<Trace>();
        var stairs = Stairs(space.Front, CornerOf(space, reference));
        if (reference is not null)
        {
            traces.Add(Traces.Area("hypervolume", [.. stairs.X, reference[0]], [.. stairs.Y, reference[1]], Palette.Blue, 0.1));
        }

        if (space.Dominated.Length > 0)
        {
            traces.Add(Places(space.DominatedName, space.DominatedShown, Palette.Pale(Palette.Grey, 0.45)));
        }

        traces.Add(Traces.Line("front", stairs.X, stairs.Y, Palette.Blue, legend: false).With(("hoverinfo", "skip")));
        traces.Add(Places("front", space.Front, Palette.Blue));
        if (reference is not null)
        {
            traces.Add(Traces.Dots("reference point", [reference[0]], [reference[1]], Palette.Grey, 9, symbol: "x"));
        }

        title ??= FrontTitle(space, one, many, reference, hypervolume);
        return Chart.Of(title, Layouts.Of(title, new Panel(space.Names[0] + " (more is better)", space.Names[1] + " (more is better)")).With(("annotations", new[] { GoodCorner() })), traces);
    }

    private static string FrontTitle(ObjectiveSpace space, string one, string many, double[]? reference, double? hypervolume)
    {
        var names = space.Names.Length > 4
            ? FormattableString.Invariant($"{space.Names.Length} objectives")
            : string.Join(" and ", new[] { string.Join(", ", space.Names[..^1]), space.Names[^1] });
        var volume = reference is not null ? $"; hypervolume {Short(space.Hypervolume(reference))} from ({string.Join(", ", reference.Select(Short))})"
            : hypervolume is { } known ? $"; hypervolume {Short(known)}" : "";
        return $"{space.FrontCount} of {space.Count} {(space.Count == 1 ? one : many)} on the front of {names}{volume}" + (space.LeftOut > 0 ? $" ({space.LeftOut} without a score left out)" : "");
    }

    // Where the staircase ends to the left and below: the reference, or a little beyond the worst point.
    private static double[] CornerOf(ObjectiveSpace space, double[]? reference)
    {
        if (reference is not null && reference.Length != space.Names.Length)
        {
            throw new ArgumentException($"The reference point has {reference.Length} coordinates; the objectives are {space.Names.Length}.", nameof(reference));
        }

        return [.. space.Names.Select((_, k) =>
        {
            double low = space.Points.Min(p => p.Scores[k]), high = space.Points.Max(p => p.Scores[k]);
            return reference is null ? low - (0.06 * (high > low ? high - low : Math.Max(1, Math.Abs(low)))) : reference[k];
        })];
    }

    private static (double[] X, double[] Y) Stairs(ObjectivePoint[] front, double[] corner)
    {
        var steps = front.Select(p => (X: p.Scores[0], Y: p.Scores[1])).Where(p => p.X >= corner[0] && p.Y >= corner[1]).OrderBy(p => p.X).ToArray();
        var (x, y) = (new List<double>(), new List<double>());
        for (var i = 0; i < steps.Length; i++)
        {
            x.AddRange([i == 0 ? corner[0] : steps[i - 1].X, steps[i].X]); // along, at the height of this step
            y.AddRange([steps[i].Y, steps[i].Y]);
        }

        return steps.Length == 0 ? ([], []) : ([.. x, steps[^1].X], [.. y, corner[1]]);
    }

    private static Trace Places(string name, ObjectivePoint[] points, string colour) => Traces.Dots(
        name, [.. points.Select(p => p.Scores[0])], [.. points.Select(p => p.Scores[1])], colour, points.All(p => p.Members.Length == 1) ? 7 : points.Select(DotSize).ToArray(), [.. points.Select(p => p.Hover)]);

    // The area of a dot grows with the number of those who are there, up to four times the diameter.
    private static double DotSize(ObjectivePoint point) => Math.Round(Math.Min(7 * Math.Sqrt(point.Members.Length), 28), 1);

    private static Annotation GoodCorner() => new Annotation().With(
        ("text", "better ↗"), ("x", 1), ("y", 1), ("xref", "paper"), ("yref", "paper"), ("xanchor", "right"), ("yanchor", "bottom"), ("showarrow", false), ("font", new Font().With(("color", Palette.Green), ("size", 13))));
}
