using System.Text.Json;
using RlPrimitives.Rewards;

namespace RlPrimitives.Tests.Rewards;

/// <summary>Numbers of DEAP, pymoo and moocore.</summary>
public class ParetoFixtureTests
{
    private static readonly JsonElement Recorded = Fixtures.Json("pareto/pareto.json");

    public static IEnumerable<object[]> Cases => Recorded.GetProperty("cases").EnumerateArray().Select(c => new object[] { c.GetProperty("case").GetString()! });

    [Theory]
    [MemberData(nameof(Cases))]
    public void Fronts_are_those_of_DEAP_and_pymoo(string name)
    {
        var (recorded, points) = Load(name);
        Assert.True(recorded.GetProperty("pymoo_fronts_identical").GetBoolean());
        var ranks = Pareto.Fronts(points);
        Assert.Equal(Lists(recorded.GetProperty("fronts")), Enumerable.Range(0, ranks.Max() + 1).Select(r => Enumerable.Range(0, ranks.Length).Where(i => ranks[i] == r).ToArray()));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Crowding_distances_are_those_of_DEAP(string name)
    {
        var (recorded, points) = Load(name, maximise: false); // the distance does not depend on the sense, the order of ties does
        var expected = Doubles(recorded.GetProperty("crowding_distance_deap"));
        var tied = recorded.GetProperty("front_has_tied_coordinates").EnumerateArray().Select(t => t.GetBoolean()).ToArray();
        var ordered = recorded.GetProperty("fronts_in_deap_order") is { ValueKind: JsonValueKind.Array } order;
        var fronts = Lists(recorded.GetProperty(ordered ? "fronts_in_deap_order" : "fronts"));
        Assert.NotEmpty(fronts);
        for (var f = 0; f < fronts.Length; f++)
        {
            if (ordered || !tied[f]) // where points tie and DEAP's order was not recorded, its neighbours are unknown
            {
                Near(Array.ConvertAll(fronts[f], i => expected[i]), Pareto.CrowdingDistance(Array.ConvertAll(fronts[f], i => points[i])));
            }
        }
    }

    /// <summary>Those whose picks were recorded.</summary>
    public static IEnumerable<object[]> Picks => Recorded.GetProperty("cases").EnumerateArray()
        .Where(c => c.GetProperty("selNSGA2").ValueKind == JsonValueKind.Object && c.GetProperty("fronts_in_deap_order").ValueKind == JsonValueKind.Array)
        .Select(c => new object[] { c.GetProperty("case").GetString()! });

    [Theory]
    [MemberData(nameof(Picks))]
    public void Selection_by_front_then_crowding_is_that_of_NSGA_II(string name)
    {
        var (recorded, points) = Load(name, maximise: false);
        var fronts = Lists(recorded.GetProperty("fronts_in_deap_order"));
        foreach (var pick in recorded.GetProperty("selNSGA2").EnumerateObject())
        {
            var wanted = int.Parse(pick.Name, System.Globalization.CultureInfo.InvariantCulture);
            var chosen = new List<int>();
            foreach (var front in fronts.TakeWhile(_ => chosen.Count < wanted))
            {
                var crowding = Pareto.CrowdingDistance(Array.ConvertAll(front, i => points[i]));
                chosen.AddRange(chosen.Count + front.Length < wanted ? front
                    : front.Zip(crowding).OrderByDescending(p => p.Second).Select(p => p.First).Take(wanted - chosen.Count));
            }

            Assert.Equal(Array.ConvertAll([.. pick.Value.EnumerateArray()], e => e.GetInt32()), chosen);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hypervolumes_are_those_of_DEAP_pymoo_and_moocore(string name)
    {
        var (recorded, points) = Load(name);
        var hypervolume = recorded.GetProperty("hypervolume");
        var reference = Array.ConvertAll(Doubles(hypervolume.GetProperty("reference_point_in_minimisation_space")), x => -x);
        foreach (var peer in new[] { "deap_c", "pymoo", "moocore_c" }.Where(p => hypervolume.TryGetProperty(p, out _)))
        {
            var expected = hypervolume.GetProperty(peer).GetDouble();
            Assert.Equal(expected, Pareto.Hypervolume(points, reference), 1e-9 * Math.Max(1, expected));
        }

        if (hypervolume.TryGetProperty("ref_median", out var median))
        {
            var inside = Array.ConvertAll(Doubles(median.GetProperty("ref_minimise")), x => -x);
            Assert.Equal(median.GetProperty("deap_c").GetDouble(), Pareto.Hypervolume(points, inside), 1e-9);
        }
    }

    private static (JsonElement Recorded, double[][] Points) Load(string name, bool maximise = true)
    {
        var recorded = Recorded.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("case").GetString() == name);
        var sign = maximise && recorded.GetProperty("sense").GetString() == "min" ? -1 : 1;
        return (recorded, [.. recorded.GetProperty("objectives").EnumerateArray().Select(row => row.EnumerateArray().Select(x => sign * x.GetDouble()).ToArray())]);
    }

    private static int[][] Lists(JsonElement lists) => [.. lists.EnumerateArray().Select(l => l.EnumerateArray().Select(e => e.GetInt32()).ToArray())];

    private static double[] Doubles(JsonElement array) =>
        [.. array.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.String ? double.PositiveInfinity : e.GetDouble())];

    private static void Near(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.True(p.First == p.Second || Math.Abs(p.First - p.Second) <= 1e-9, $"expected {p.First}, got {p.Second}"));
    }
}
