using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>A place in the space of the objectives and those who are there.</summary>
/// <param name="Scores">[K], each maximised.</param>
/// <param name="Members">Indices in the batch.</param>
/// <param name="Rank">0 on the front.</param>
/// <param name="Hover">Scores and names, for reading over the point.</param>
internal sealed record ObjectivePoint(double[] Scores, int[] Members, int Rank, string Hover);

/// <summary>A batch as points of some of its objectives, equal ones together.</summary>
/// <param name="Names">Of the objectives, [K].</param>
/// <param name="Points">Distinct points, in the order of the batch.</param>
/// <param name="Count">Trajectories that all these objectives scored.</param>
/// <param name="LeftOut">Trajectories that one of them did not.</param>
internal sealed record ObjectiveSpace(string[] Names, ObjectivePoint[] Points, int Count, int LeftOut)
{
    private const int MostDominated = 240;

    public ObjectivePoint[] Front { get; } = [.. Points.Where(p => p.Rank == 0)];

    public ObjectivePoint[] Dominated { get; } = [.. Points.Where(p => p.Rank > 0)];

    /// <summary>Trajectories on the front.</summary>
    public int FrontCount => Front.Sum(p => p.Members.Length);

    /// <summary>As many dominated points as a figure can hold, evenly taken.</summary>
    public ObjectivePoint[] DominatedShown { get; } = Evenly([.. Points.Where(p => p.Rank > 0)]);

    public string DominatedName => DominatedShown.Length == Dominated.Length ? "dominated" : FormattableString.Invariant($"dominated ({DominatedShown.Length} of {Dominated.Length} points)");

    /// <param name="scored">The batch.</param>
    /// <param name="names">Of the objectives to look at.</param>
    /// <param name="trajectories">For the hover; null where unknown.</param>
    /// <exception cref="ArgumentException">No objective of that name, a number of trajectories that does not fit, or nobody with all scores.</exception>
    public static ObjectiveSpace Of(RewardBatch scored, string[] names, IReadOnlyList<Trajectory>? trajectories)
    {
        ArgumentNullException.ThrowIfNull(scored);
        return Of(scored.Objectives, names, new HoverText(trajectories, scored.Totals.Length));
    }

    /// <param name="objectives">Scores by name.</param>
    /// <param name="names">Of the objectives to look at.</param>
    /// <param name="hover">Names the trajectories.</param>
    public static ObjectiveSpace Of(IReadOnlyDictionary<string, float?[]> objectives, string[] names, HoverText hover)
    {
        var columns = Array.ConvertAll(names, n => objectives.TryGetValue(n, out var column) ? column
            : throw new ArgumentException($"There is no objective '{n}'; there are {string.Join(", ", objectives.Keys.Select(k => $"'{k}'"))}.", nameof(names)));
        var all = Enumerable.Range(0, columns[0].Length).ToArray();
        var there = all.Where(i => columns.All(c => c[i] is { } score && float.IsFinite(score))).ToArray();
        return Of(names, there, i => Array.ConvertAll(columns, c => (double)c[i]!.Value), all.Length - there.Length, hover);
    }

    /// <param name="names">Of the objectives.</param>
    /// <param name="points">[n][K].</param>
    /// <param name="hover">Names the points.</param>
    public static ObjectiveSpace Of(string[] names, IReadOnlyList<double[]> points, HoverText hover)
    {
        if (points.FirstOrDefault(p => p.Length != names.Length) is { } strange)
        {
            throw new ArgumentException($"A point has {strange.Length} coordinates, but there are {names.Length} names: {string.Join(", ", names)}.", nameof(points));
        }

        var there = Enumerable.Range(0, points.Count).Where(i => points[i].All(double.IsFinite)).ToArray();
        return Of(names, there, i => points[i], points.Count - there.Length, hover);
    }

    /// <summary>Hypervolume over a reference point, [K].</summary>
    public double Hypervolume(double[] reference) => Pareto.Hypervolume(Array.ConvertAll(Points, p => p.Scores), reference);

    private static ObjectiveSpace Of(string[] names, int[] there, Func<int, double[]> scores, int leftOut, HoverText hover)
    {
        if (there.Length == 0)
        {
            throw new ArgumentException($"Nobody has a score of {string.Join(" and ", names)}.", nameof(there));
        }

        var places = there.GroupBy(i => string.Join(';', scores(i).Select(s => s.ToString("R", System.Globalization.CultureInfo.InvariantCulture)))).Select(g => g.ToArray()).ToArray();
        var points = Array.ConvertAll(places, p => scores(p[0]));
        var ranks = Pareto.Fronts(points);
        return new ObjectiveSpace(
            names, [.. places.Select((p, n) => new ObjectivePoint(points[n], p, ranks[n], $"{PlotlyText.Escape(string.Join(", ", names.Zip(points[n], (name, s) => $"{name} {Short(s)}")))}<br>{hover.Of(p)}"))], there.Length, leftOut);
    }

    private static ObjectivePoint[] Evenly(ObjectivePoint[] points) => points.Length <= MostDominated
        ? points
        : [.. Enumerable.Range(0, MostDominated).Select(i => points[(int)((long)i * (points.Length - 1) / (MostDominated - 1))])];
}
