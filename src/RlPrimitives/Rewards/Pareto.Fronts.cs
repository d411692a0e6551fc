namespace RlPrimitives.Rewards;

public static partial class Pareto
{
    /// <summary>
    /// Non-dominated sorting: 0 for points that no other dominates, r + 1 for those that only points of fronts 0…r dominate, one of them of front r. Equal points share a front.
    /// Points are taken from best to worst, so that only earlier ones can dominate, and the front of each is found by bisection
    /// (Zhang, Tian, Cheng, Jin 2015, "An efficient approach to nondominated sorting", IEEE Trans. Evol. Comput. 19(2): ENS-BS).
    /// Up to 3 objectives a front is kept as the staircase of its last two objectives, so that a look costs O(log n) and the whole O(n log² n); beyond, O(K·n²) at worst.
    /// </summary>
    /// <param name="points">Points, [n][K].</param>
    /// <returns>Ranks, [n], 0 the best front.</returns>
    /// <exception cref="ArgumentException">Rows of unequal length, no objectives, or a coordinate that is not finite; the row is named.</exception>
    public static int[] Fronts(double[][] points)
    {
        var objectives = Check(points, nameof(points));
        var order = Enumerable.Range(0, points.Length).ToArray();
        Array.Sort(order, (a, b) => BestFirst(points[a], points[b]));
        var ranks = new int[points.Length];
        var fronts = new List<IFront>();
        for (var i = 0; i < order.Length; i++)
        {
            var point = points[order[i]];
            if (i > 0 && BestFirst(points[order[i - 1]], point) == 0)
            {
                ranks[order[i]] = ranks[order[i - 1]];
                continue;
            }

            int low = 0, high = fronts.Count; // a front that dominates has every better one dominate too
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = fronts[middle].Dominates(point) ? (middle + 1, high) : (low, middle);
            }

            if (low == fronts.Count)
            {
                fronts.Add(objectives <= 3 ? new StaircaseFront() : new ListedFront());
            }

            fronts[low].Add(point);
            ranks[order[i]] = low;
        }

        return ranks;
    }

    /// <summary>Lexicographic, larger coordinates first.</summary>
    private static int BestFirst(double[] a, double[] b)
    {
        for (var k = 0; k < a.Length; k++)
        {
            if (a[k] != b[k])
            {
                return a[k] > b[k] ? -1 : 1;
            }
        }

        return 0;
    }

    /// <summary>Points taken in lexicographic order; asked only about points that come later and are not equal to one of them.</summary>
    private interface IFront
    {
        bool Dominates(double[] point);

        void Add(double[] point);
    }

    private sealed class StaircaseFront : IFront
    {
        private readonly Staircase stairs = new();

        public bool Dominates(double[] point) => stairs.Covers(Second(point), Third(point));

        public void Add(double[] point) => stairs.Add(Second(point), Third(point));

        private static double Second(double[] point) => point.Length > 1 ? point[1] : 0;

        private static double Third(double[] point) => point.Length > 2 ? point[2] : 0;
    }

    private sealed class ListedFront : IFront
    {
        private readonly List<double[]> members = [];

        public bool Dominates(double[] point)
        {
            for (var m = members.Count - 1; m >= 0; m--)
            {
                var member = members[m]; // its first objective is no worse: it came earlier
                var k = 1;
                while (k < point.Length && member[k] >= point[k])
                {
                    k++;
                }

                if (k == point.Length)
                {
                    return true;
                }
            }

            return false;
        }

        public void Add(double[] point) => members.Add(point);
    }
}
