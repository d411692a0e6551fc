using Plotly.NET;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>The trajectories by three of their objectives: the front on stems, dominated points pale, the best of each objective marked.</summary>
    /// <param name="scored">Scores of a batch; every objective is maximised.</param>
    /// <param name="x">Name of the first objective.</param>
    /// <param name="y">Name of the second.</param>
    /// <param name="z">Name of the third, upwards.</param>
    /// <param name="trajectories">Those that were scored, in their order, so that a dot says which it is.</param>
    /// <param name="title">Replaces the title.</param>
    /// <param name="reference">Reference point of the hypervolume, [3].</param>
    /// <exception cref="ArgumentException">There is no such objective, the trajectories are not as many, nobody has all scores, or the reference has not three coordinates.</exception>
    public static Chart ParetoFront3D(
        RewardBatch scored, string x, string y, string z, IReadOnlyList<Trajectory>? trajectories = null, string? title = null, IReadOnlyList<float>? reference = null)
    {
        var space = ObjectiveSpace.Of(scored, [x, y, z], trajectories);
        var known = reference is null && scored.Objectives.Count == 3 ? scored.Hypervolume : null;
        return ParetoFront3D(space, "trajectory", "trajectories", reference is null ? null : [.. reference.Select(r => (double)r)], title, known);
    }

    /// <summary>Points of three objectives.</summary>
    /// <param name="points">[n][3], each coordinate maximised.</param>
    /// <param name="names">Of the three objectives.</param>
    /// <param name="labels">A name for each point; null for its index.</param>
    /// <param name="title">Replaces the title.</param>
    /// <param name="reference">Reference point of the hypervolume, [3].</param>
    /// <exception cref="ArgumentException">Not three names, a point or reference of another length, another number of labels, or no point.</exception>
    public static Chart ParetoFront3D(
        IReadOnlyList<double[]> points, string[] names, IReadOnlyList<string>? labels = null, string? title = null, IReadOnlyList<double>? reference = null)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Length == 3
            ? ParetoFront3D(SpaceOf(points, names, labels), "point", "points", reference is null ? null : [.. reference], title, null)
            : throw new ArgumentException($"{names.Length} names; space has 3 objectives.", nameof(names));
    }

    private static Chart ParetoFront3D(ObjectiveSpace space, string one, string many, double[]? reference, string? title, double? hypervolume)
    {
        var corner = CornerOf(space, reference);
        var traces = new List<Trace>();
        if (space.Dominated.Length > 0)
        {
            traces.Add(Traces.Dots3D(space.DominatedName, space.DominatedShown, Palette.Pale(Palette.Grey, 0.45), 4));
        }

        traces.Add(Traces.Stems(space.Front, corner[2], Palette.Blue));
        traces.Add(Traces.Dots3D("front", space.Front, Palette.Blue, 6));
        double[] best = [.. corner.Select((_, k) => space.Points.Max(p => p.Scores[k]))];
        traces.Add(Traces.Dots3D("best of each", [new ObjectivePoint(best, [], 0, "best of each objective")], Palette.Green, 6, "diamond"));
        title ??= FrontTitle(space, one, many, reference, hypervolume);
        return Chart.Of(title, Layouts.Space(title, space.Names, height: 480), traces);
    }
}
