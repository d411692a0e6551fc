namespace RlPrimitives.Rewards;

/// <summary>
/// Comparison of points by several objectives at once. Sign convention, everywhere in this class: every objective is <b>maximised</b>; negate what is to be
/// minimised. Points are rows, [n][K]; every coordinate is finite.
/// </summary>
public static partial class Pareto
{
    /// <summary>Whether a dominates b: a_k ≥ b_k for every k, and a_k > b_k for one. Equal points do not dominate each other.</summary>
    /// <param name="a">A point, [K].</param>
    /// <param name="b">A point, [K].</param>
    /// <exception cref="ArgumentException">The lengths differ or are 0, or a coordinate is not finite.</exception>
    public static bool Dominates(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        if (a.Length != b.Length)
        {
            throw new ArgumentException($"a has {a.Length} objectives and b has {b.Length}; both need the same number.", nameof(b));
        }

        CheckRow(a, a.Length, "a", nameof(a));
        CheckRow(b, a.Length, "b", nameof(b));
        var better = false;
        for (var k = 0; k < a.Length; k++)
        {
            if (a[k] < b[k])
            {
                return false;
            }

            better |= a[k] > b[k];
        }

        return better;
    }

    /// <summary>
    /// Crowding distance within one front: d_i = (1/K) Σ_k (next_k − previous_k)/(max_k − min_k) over the neighbours in the order of objective k; ∞ for the first
    /// and last of any objective; a constant objective adds nothing. Finite values are in [0, 1].
    /// Deb, Pratap, Agarwal, Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE Trans. Evol. Comput. 6(2). Departure: the sum is divided by K.
    /// Where coordinates are tied, the neighbours are those of a stable sort by objective 0, then 1, …, of the points as given.
    /// </summary>
    /// <param name="front">The points of one front, [n][K].</param>
    /// <returns>Distances, [n], in the order of the points.</returns>
    /// <exception cref="ArgumentException">Rows of unequal length, no objectives, or a coordinate that is not finite; the row is named.</exception>
    public static double[] CrowdingDistance(double[][] front)
    {
        var objectives = Check(front, nameof(front));
        var distances = new double[front.Length];
        var order = Enumerable.Range(0, front.Length).ToArray();
        for (var k = 0; k < objectives; k++)
        {
            var axis = k;
            order = [.. order.OrderBy(i => front[i][axis])]; // stable
            var range = front[order[^1]][k] - front[order[0]][k];
            for (var i = 1; i < order.Length - 1 && range > 0; i++)
            {
                distances[order[i]] += (front[order[i + 1]][k] - front[order[i - 1]][k]) / (objectives * range);
            }

            distances[order[0]] = distances[order[^1]] = double.PositiveInfinity;
        }

        return distances;
    }

    /// <summary>
    /// Unevenness of a front of two objectives, Δ = (d_f + d_l + Σ_i |d_i − d̄|) / (d_f + d_l + (n−1)·d̄), at least 0, smaller is better, 0 where even and complete:
    /// d_i are the n−1 Euclidean distances between neighbours in the order of the first objective, d̄ their mean, d_f and d_l the distances from the ends of the
    /// front to the <paramref name="extremes"/> of the true one. NaN where nothing can be measured: fewer than two distinct points and no extremes.
    /// Deb, Pratap, Agarwal, Meyarivan 2002 (NSGA-II), "Performance measures".
    /// </summary>
    /// <param name="front">The points of one front, [n][2].</param>
    /// <param name="extremes">The true front's ends, best in objective 0 and best in objective 1, [2][2]; null where unknown: d_f = d_l = 0.</param>
    /// <exception cref="ArgumentException">Not two objectives, not two extremes, or a coordinate that is not finite; the row is named.</exception>
    public static double Spread(double[][] front, double[][]? extremes = null)
    {
        var objectives = Check(front, nameof(front));
        if (front.Length > 0 && objectives != 2)
        {
            throw new ArgumentException($"Δ is defined for 2 objectives; the points have {objectives}.", nameof(front));
        }

        if (extremes is not null && (Check(extremes, nameof(extremes)) != 2 || extremes.Length != 2))
        {
            throw new ArgumentException("The extremes are 2 points of 2 objectives.", nameof(extremes));
        }

        if (front.Length == 0)
        {
            return double.NaN;
        }

        var sorted = front.OrderByDescending(p => p[0]).ThenBy(p => p[1]).ToArray(); // best in objective 0 first
        var gaps = sorted.Zip(sorted.Skip(1), Distance).ToArray();
        var mean = gaps.Length == 0 ? 0 : gaps.Average();
        var ends = extremes is null ? 0 : Distance(sorted[0], extremes[0]) + Distance(sorted[^1], extremes[1]);
        return (ends + gaps.Sum(d => Math.Abs(d - mean))) / (ends + gaps.Sum());
    }

    private static double Distance(double[] a, double[] b) => Math.Sqrt(((a[0] - b[0]) * (a[0] - b[0])) + ((a[1] - b[1]) * (a[1] - b[1])));

    /// <summary>K of points that may be compared; 0 where there are none.</summary>
    private static int Check(double[][] points, string parameter)
    {
        ArgumentNullException.ThrowIfNull(points, parameter);
        for (var row = 0; row < points.Length; row++)
        {
            CheckRow(points[row] ?? throw new ArgumentException($"Row {row} is null.", parameter), points[0].Length, row, parameter);
        }

        return points.Length == 0 ? 0 : points[0].Length;
    }

    private static void CheckRow<T>(ReadOnlySpan<double> row, int objectives, T name, string parameter)
    {
        if (row.Length == 0)
        {
            throw new ArgumentException($"Row {name} has no objectives; a point needs at least one.", parameter);
        }

        if (row.Length != objectives)
        {
            throw new ArgumentException($"Row {name} has {row.Length} objectives and row 0 has {objectives}; all need the same number.", parameter);
        }

        for (var k = 0; k < row.Length; k++)
        {
            if (!double.IsFinite(row[k]))
            {
                throw new ArgumentException($"Row {name}, objective {k} is {row[k]}; every coordinate must be finite.", parameter);
            }
        }
    }
}
