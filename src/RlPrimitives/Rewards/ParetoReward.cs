namespace RlPrimitives.Rewards;

/// <summary>Whom a trajectory is compared with.</summary>
public enum ParetoScope
{
    /// <summary>The members of its group: the same problem.</summary>
    Group,

    /// <summary>All trajectories of the batch.</summary>
    Batch,
}

/// <summary>
/// Rewards by non-dominated sorting. With front f_i = 0…F−1 (0 the best, see <see cref="Pareto.Fronts"/>) and isolation t_i ∈ [0, 1] within the front
/// (see <see cref="ITieBreak"/>), s_i = (F − 1 − f_i) + ½·t_i, and R_i = (s_i − min s)/(max s − min s): 1 for the most isolated point of the best front, 0 for the least
/// isolated of the worst, and a better front always above a worse one; ½ for all where all s are equal. Equal score vectors have equal rewards, whatever the order.
/// Of the weights only the sign counts: a negative one turns its objective round, 0 leaves it out.
/// An abstaining objective counts as its mean over the scope, which neither helps nor harms; one that all abstained from is left out.
/// </summary>
/// <param name="Scope">Who is compared with whom.</param>
/// <param name="TieBreak">What tells members of one front apart.</param>
public sealed record ParetoReward(ParetoScope Scope, ITieBreak TieBreak) : IRewardMethod
{
    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var result = new float?[scores.Groups.Length];
        IEnumerable<int[]> scopes = Scope == ParetoScope.Batch ? [scores.Scored().ToArray()] : scores.ScoredGroups();
        foreach (var rows in scopes)
        {
            var rewards = Compare(scores, rows);
            for (var i = 0; i < rows.Length; i++)
            {
                result[rows[i]] = (float)rewards[i];
            }
        }

        return result;
    }

    private double[] Compare(ScoreTable scores, int[] rows)
    {
        var axes = Enumerable.Range(0, scores.Columns.Length)
            .Where(k => scores.Weights[k] != 0 && Array.Exists(rows, i => scores.Columns[k][i] is not null))
            .Select(k => new ParetoAxis(k, Math.Sign(scores.Weights[k]))).ToArray();
        if (axes.Length == 0)
        {
            return Array.ConvertAll(rows, _ => 0.5);
        }

        var means = Array.ConvertAll(axes, a => rows.Average(i => (double?)scores.Columns[a.Objective][i])!.Value);
        var points = Array.ConvertAll(rows, i => axes.Select((a, n) => a.Sign * (scores.Columns[a.Objective][i] ?? means[n])).ToArray());
        var ranks = Pareto.Fronts(points);
        var worst = ranks.Max();
        var values = new double[rows.Length];
        foreach (var front in Enumerable.Range(0, rows.Length).GroupBy(i => ranks[i]))
        {
            // Equal points once, in an order of their own: what a point is worth must not depend on how often or where it stands.
            var places = front.GroupBy(i => points[i], Coordinates.Instance).OrderBy(g => g.Key, Coordinates.Instance).ToArray();
            var isolation = TieBreak.Isolation(Array.ConvertAll(places, g => g.Key), axes);
            for (var p = 0; p < places.Length; p++)
            {
                foreach (var i in places[p])
                {
                    values[i] = worst - front.Key + (0.5 * isolation[p]);
                }
            }
        }

        double low = values.Min(), high = values.Max();
        return Array.ConvertAll(values, s => high > low ? (s - low) / (high - low) : 0.5);
    }

    private sealed class Coordinates : IEqualityComparer<double[]>, IComparer<double[]>
    {
        public static Coordinates Instance { get; } = new();

        public int Compare(double[]? x, double[]? y) => x.AsSpan().SequenceCompareTo(y);

        public bool Equals(double[]? x, double[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(double[] obj)
        {
            var hash = default(HashCode);
            foreach (var x in obj)
            {
                hash.Add(x);
            }

            return hash.ToHashCode();
        }
    }
}
