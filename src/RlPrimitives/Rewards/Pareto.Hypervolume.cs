namespace RlPrimitives.Rewards;

public static partial class Pareto
{
    /// <summary>Most objectives that <see cref="Hypervolume"/> takes.</summary>
    public const int MaxHypervolumeObjectives = 4;

    /// <summary>
    /// Volume of all that lies between the reference point and at least one point: the measure of ⋃_i [reference, p_i]. At least 0; exact. Dominated points and those that do
    /// not exceed the reference in every objective add nothing. In units of the product of the objectives.
    /// Zitzler, Thiele 1998, "Multiobjective optimization using evolutionary algorithms", PPSN V. By sweeping the last objective: O(n log n) up to 3 objectives, O(n² log n) for 4.
    /// </summary>
    /// <param name="points">Points, [n][K], K from 1 to 4.</param>
    /// <param name="reference">The reference point, [K]: worse than whatever is to count.</param>
    /// <exception cref="ArgumentException">Rows of unequal length, more than 4 objectives, or a coordinate that is not finite; the row is named.</exception>
    public static double Hypervolume(double[][] points, ReadOnlySpan<double> reference) => Volume(Shift(points, reference));

    /// <summary>
    /// What each point adds to the hypervolume alone: c_i = HV(S) − HV(S ∖ {i}), at least 0; 0 for dominated points and for each of several equal ones.
    /// Computed without cancellation, c_i = Π_k (p_ik − reference_k) − HV({min(p_i, p_j) : j ≠ i}) (While, Bradstreet, Barone 2012,
    /// "A fast way of calculating exact hypervolumes", IEEE Trans. Evol. Comput. 16(1)).
    /// </summary>
    /// <param name="points">Points, [n][K], K from 1 to 4.</param>
    /// <param name="reference">The reference point, [K]: worse than whatever is to count.</param>
    /// <returns>Contributions, [n], in the order of the points.</returns>
    /// <exception cref="ArgumentException">Rows of unequal length, more than 4 objectives, or a coordinate that is not finite; the row is named.</exception>
    public static double[] HypervolumeContributions(double[][] points, ReadOnlySpan<double> reference)
    {
        var shifted = Shift(points, reference);
        var ranks = Fronts(shifted);
        var result = new double[points.Length];
        for (var i = 0; i < points.Length; i++)
        {
            if (ranks[i] > 0 || !Array.TrueForAll(shifted[i], x => x > 0))
            {
                continue;
            }

            // All others, dominated ones too: without this point they may hold part of what it holds.
            var limited = shifted.Where((_, j) => j != i).Select(p => p.Zip(shifted[i], Math.Min).ToArray()).ToArray();
            result[i] = Math.Max(0, shifted[i].Aggregate(1.0, (product, x) => product * x) - Volume(limited));
        }

        return result;
    }

    /// <summary>Points with the reference as their origin.</summary>
    private static double[][] Shift(double[][] points, ReadOnlySpan<double> reference)
    {
        var objectives = Check(points, nameof(points));
        CheckRow(reference, points.Length == 0 ? reference.Length : objectives, "reference", nameof(reference));
        if (reference.Length > MaxHypervolumeObjectives)
        {
            throw new ArgumentException($"The hypervolume takes at most {MaxHypervolumeObjectives} objectives; the points have {reference.Length}.", nameof(points));
        }

        var origin = reference.ToArray();
        return Array.ConvertAll(points, p => p.Zip(origin, (x, o) => x - o).ToArray());
    }

    private static double Volume(double[][] points)
    {
        var counted = points.Where(p => Array.TrueForAll(p, x => x > 0)).ToArray();
        return counted.Length == 0 ? 0 : counted[0].Length switch
        {
            1 => counted.Max(p => p[0]),
            2 => Area(counted),
            3 => Sweep(counted.OrderByDescending(p => p[2])),
            _ => SweepFourth(counted),
        };
    }

    private static double Area(double[][] points)
    {
        var stairs = new Staircase();
        return points.Sum(p => stairs.Add(p[0], p[1]));
    }

    /// <summary>Volume in the first three objectives; the points descend in the third.</summary>
    private static double Sweep(IEnumerable<double[]> points)
    {
        var stairs = new Staircase();
        return points.Sum(p => stairs.Add(p[0], p[1]) * p[2]); // the area a point adds lasts from its height down to the reference
    }

    private static double SweepFourth(double[][] points)
    {
        Array.Sort(points, (a, b) => b[3].CompareTo(a[3]));
        double volume = 0;
        var above = new List<double[]>(); // all points of this slab, descending in the third
        for (var i = 0; i < points.Length; i++)
        {
            var at = above.FindIndex(p => p[2] < points[i][2]);
            above.Insert(at < 0 ? above.Count : at, points[i]);
            var next = i + 1 < points.Length ? points[i + 1][3] : 0;
            volume += points[i][3] > next ? Sweep(above) * (points[i][3] - next) : 0;
        }

        return volume;
    }
}
