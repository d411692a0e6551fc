using RlPrimitives.Inference;
using RlPrimitives.Rewards;

namespace RlPrimitives.Tests.Rewards;

public class ParetoTests
{
    public static TheoryData<int, int, int> Sizes => new()
    {
        { 1, 1, 0 }, { 50, 1, 4 }, { 60, 2, 0 }, { 200, 2, 5 }, { 60, 3, 0 }, { 300, 3, 4 }, { 80, 4, 0 }, { 300, 4, 3 }, { 100, 5, 2 }, { 64, 3, 2 },
    };

    [Fact]
    public void The_golden_points_have_their_fronts_and_hypervolume()
    {
        double[][] points = [[1, 5], [2, 4], [3, 3], [2, 2], [3, 1], [1, 1]];
        Assert.Equal([0, 0, 0, 1, 1, 2], Pareto.Fronts(points));
        Assert.Equal(12, Pareto.Hypervolume(points, [0, 0]));
        Assert.Equal([1, 1, 2, 0, 0, 0], Pareto.HypervolumeContributions(points, [0, 0])); // without (3, 3), (3, 1) would still hold 1 of its 3
        Assert.Equal([1, 1, 3], Pareto.HypervolumeContributions(points[..3], [0, 0]));
    }

    [Theory]
    [InlineData(new double[] { 1, 2 }, new double[] { 1, 1 }, true)]
    [InlineData(new double[] { 1, 1 }, new double[] { 1, 2 }, false)]
    [InlineData(new double[] { 1, 1 }, new double[] { 1, 1 }, false)]
    [InlineData(new double[] { 2, 1 }, new double[] { 1, 2 }, false)]
    [InlineData(new double[] { 0 }, new double[] { -1 }, true)]
    public void To_dominate_is_no_worse_anywhere_and_better_somewhere(double[] a, double[] b, bool expected) => Assert.Equal(expected, Pareto.Dominates(a, b));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Fronts_partition_the_points_as_dominance_says(int n, int objectives, int grid)
    {
        var points = Random(n, objectives, grid);
        var ranks = Pareto.Fronts(points);
        Assert.Equal(n, ranks.Length);
        Assert.Equal(Enumerable.Range(0, ranks.Max() + 1), ranks.Distinct().Order());
        for (var i = 0; i < n; i++)
        {
            var dominators = Enumerable.Range(0, n).Where(j => Pareto.Dominates(points[j], points[i])).Select(j => ranks[j]).ToArray();
            Assert.Equal(ranks[i], dominators.Length == 0 ? 0 : dominators.Max() + 1);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Ten_thousand_points_have_the_fronts_that_dominance_says(int objectives)
    {
        var points = Random(10_000, objectives);
        var ranks = Pareto.Fronts(points);
        for (var i = 0; i < points.Length; i += 101)
        {
            var worst = -1;
            for (var j = 0; j < points.Length; j++)
            {
                worst = ranks[j] > worst && Pareto.Dominates(points[j], points[i]) ? ranks[j] : worst;
            }

            Assert.Equal(ranks[i], worst + 1);
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_order_of_the_points_does_not_matter(int n, int objectives, int grid)
    {
        var points = Random(n, objectives, grid);
        var order = Shuffled(n);
        var shuffled = Array.ConvertAll(order, i => points[i]);
        var ranks = Pareto.Fronts(points);
        Assert.Equal(Array.ConvertAll(order, i => ranks[i]), Pareto.Fronts(shuffled));
        if (objectives <= Pareto.MaxHypervolumeObjectives)
        {
            var reference = Enumerable.Repeat(-0.5, objectives).ToArray();
            Assert.Equal(Pareto.Hypervolume(points, reference), Pareto.Hypervolume(shuffled, reference), 1e-9);
            var contributions = Pareto.HypervolumeContributions(points, reference);
            Assert.All(order.Zip(Pareto.HypervolumeContributions(shuffled, reference)), p => Assert.Equal(contributions[p.First], p.Second, 1e-9));
        }

        if (grid == 0)
        {
            var distances = Pareto.CrowdingDistance(points); // without ties
            Assert.All(order.Zip(Pareto.CrowdingDistance(shuffled)), p => Assert.Equal(distances[p.First], p.Second, 1e-12));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_hypervolume_is_the_volume_that_inclusion_and_exclusion_gives(int objectives)
    {
        for (var seed = 0UL; seed < 5; seed++)
        {
            var points = Random(9, objectives, grid: seed % 2 == 0 ? 0 : 4, seed);
            var reference = Enumerable.Repeat(0.25, objectives).ToArray();
            double expected = 0;
            for (var subset = 1; subset < 1 << points.Length; subset++)
            {
                var members = points.Where((_, i) => (subset >> i & 1) == 1).ToArray();
                var box = Enumerable.Range(0, objectives).Aggregate(1.0, (v, k) => v * Math.Max(0, members.Min(p => p[k]) - reference[k]));
                expected += members.Length % 2 == 1 ? box : -box;
            }

            Assert.Equal(expected, Pareto.Hypervolume(points, reference), 1e-9);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_dominated_point_or_a_copy_adds_no_hypervolume(int objectives)
    {
        var points = Random(30, objectives);
        var reference = new double[objectives];
        var expected = Pareto.Hypervolume(points, reference);
        double[] dominated = [.. points[3].Select(x => x - 0.01)], outside = [.. Enumerable.Repeat(100.0, objectives - 1), 0];
        Assert.Equal(expected, Pareto.Hypervolume([.. points, dominated, points[0], outside], reference), 1e-9);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_contribution_is_what_is_lost_without_the_point(int objectives)
    {
        double[][] points = [.. Random(25, objectives), .. Random(3, objectives)]; // three of them twice
        var reference = Enumerable.Repeat(0.1, objectives).ToArray();
        var all = Pareto.Hypervolume(points, reference);
        var expected = points.Select((_, i) => all - Pareto.Hypervolume([.. points.Where((_, j) => j != i)], reference));
        Assert.All(expected.Zip(Pareto.HypervolumeContributions(points, reference)), p => Assert.Equal(p.First, p.Second, 1e-9));
    }

    [Fact]
    public void No_points_have_no_fronts_and_no_volume()
    {
        Assert.Empty(Pareto.Fronts([]));
        Assert.Empty(Pareto.CrowdingDistance([]));
        Assert.Equal(0, Pareto.Hypervolume([], [0, 0]));
        Assert.Empty(Pareto.HypervolumeContributions([], [0, 0]));
        Assert.True(double.IsNaN(Pareto.Spread([])));
    }

    [Fact]
    public void A_spread_is_zero_where_a_front_is_even_and_reaches_the_extremes()
    {
        double[][] even = [[0, 3], [1, 2], [2, 1], [3, 0]];
        Assert.Equal(0, Pareto.Spread(even), 1e-12);
        Assert.Equal(0, Pareto.Spread(even, [[3, 0], [0, 3]]), 1e-12);
    }

    [Fact]
    public void A_spread_is_that_of_the_formula()
    {
        // Gaps 1, 3 (times √2): mean 2, Σ|d − d̄| = 2, Σd = 4; the first extreme is 1 further off.
        double[][] uneven = [[3, 1], [0, 4], [4, 0]];
        Assert.Equal(2.0 / 4, Pareto.Spread(uneven), 1e-12);
        Assert.Equal(3.0 / 5, Pareto.Spread(uneven, [[5, -1], [0, 4]]), 1e-12);
        Assert.Equal(1, Pareto.Spread([[1, 1]], [[2, 0], [0, 2]]));
        Assert.True(double.IsNaN(Pareto.Spread([[1, 1], [1, 1]])));
    }

    [Fact]
    public void Points_that_cannot_be_compared_are_refused_by_row()
    {
        Refused("Row 1, objective 0 is NaN", () => Pareto.Fronts([[1, 2], [double.NaN, 1]]));
        Refused("Row 2 has 1 objectives and row 0 has 2", () => Pareto.CrowdingDistance([[1, 2], [1, 2], [1]]));
        Refused("Row 0 has no objectives", () => Pareto.Fronts([[]]));
        Refused("Row 1 is null", () => Pareto.Fronts([[1], null!]));
        Refused("Row reference has 1 objectives", () => Pareto.Hypervolume([[1, 2]], [0]));
        Refused("Row reference, objective 1 is", () => Pareto.HypervolumeContributions([[1, 2]], [0, double.NegativeInfinity]));
        Refused("at most 4 objectives; the points have 5", () => Pareto.Hypervolume([[1, 2, 3, 4, 5]], [0, 0, 0, 0, 0]));
        Refused("a has 1 objectives and b has 2", () => Pareto.Dominates([1], [1, 2]));
        Refused("Row b, objective 0 is NaN", () => Pareto.Dominates([1], [double.NaN]));
        Refused("defined for 2 objectives; the points have 3", () => Pareto.Spread([[1, 2, 3]]));
        Refused("2 points of 2 objectives", () => Pareto.Spread([[1, 2]], [[1, 2]]));

        static void Refused(string part, Func<object> call) => Assert.Contains(part, Assert.Throws<ArgumentException>(call).Message, StringComparison.Ordinal);
    }

    private static double[][] Random(int n, int objectives, int grid = 0, ulong seed = 1)
    {
        var random = RandomStream.For(seed, (ulong)objectives);
        return [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, objectives).Select(k =>
        {
            var x = random.NextUniform((ulong)((i * objectives) + k));
            return grid == 0 ? x : Math.Floor(x * grid);
        }).ToArray())];
    }

    private static int[] Shuffled(int n)
    {
        var random = RandomStream.For(7, (ulong)n);
        return [.. Enumerable.Range(0, n).OrderBy(i => random.NextUniform((ulong)i))];
    }
}
