using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class RecordedCurvesTests
{
    [Fact]
    public void Steps_are_dealt_to_runs_by_method_and_seed_and_a_number_that_a_step_lacks_is_not_a_number()
    {
        var runs = Load("""
            {"method": "A", "seed": 1, "iteration": 1, "reward": 0.5}
            {"method": "A", "seed": 2, "iteration": 1, "reward": 0.25, "note": "words are no numbers"}

            {"method": "A", "seed": 1, "iteration": 2, "reward": null, "held_out": 0.75}
            """);

        Assert.Equal([("A", 1UL), ("A", 2UL)], runs.Select(r => (r.Method, r.Seed)));
        Assert.Equal([1, 2], runs[0]["iteration"]);
        Assert.Equal([0.5, double.NaN], runs[0]["reward"]);
        Assert.Equal([double.NaN, 0.75], runs[0]["held_out"]);
        Assert.Equal(["iteration", "reward"], runs[1].Columns.Keys);
    }

    [Fact]
    public void A_column_that_is_not_there_is_named_with_those_that_are()
    {
        var message = Assert.Throws<KeyNotFoundException>(() => Load("""{"method": "A", "seed": 1, "reward": 1}""")[0]["rewards"]).Message;
        Assert.Contains("'rewards'", message, StringComparison.Ordinal);
        Assert.Contains("has: reward.", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"method\": \"A\", \"seed\": 1")]
    [InlineData("{\"method\": \"A\"}")]
    [InlineData("{\"method\": \"A\", \"seed\": -1}")]
    [InlineData("[1]")]
    public void A_line_that_is_no_step_is_named(string line) =>
        Assert.Contains("line 2", Assert.Throws<InvalidDataException>(() => Load("{\"method\": \"A\", \"seed\": 1}\n" + line)).Message, StringComparison.Ordinal);

    private static IReadOnlyList<RecordedCurves> Load(string lines)
    {
        using var folder = new TemporaryFolder();
        return RecordedCurves.Load(folder.Write("runs.jsonl", lines));
    }
}
