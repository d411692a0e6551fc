using System.Text.Json.Nodes;
using RlNotebooks.Documents;
using RlNotebooks.Running;

namespace RlNotebooks.Tests;

/// <summary>Saved outputs compared with new ones.</summary>
public sealed class CheckTests
{
    [Theory]
    [InlineData("reward 0.883 in 14.4 s at 6174 tok/s", "reward 0.884 in 9 s at 17k tok/s", null)]
    [InlineData("done 00:14, 2026-01-02T03:04:05Z, 3.5 MB", "done 00:33, 2027-11-12T13:14:15Z, 12 MB", null)]
    [InlineData("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "id 6fa459ea-ee8a-3ca4-894e-db77e160355e", null)]
    [InlineData("zero 0.0000000001", "zero 0", null)]
    [InlineData("reward 0.883", "reward 0.95", "line 1: saved 'reward 0.883', now 'reward 0.95'")]
    [InlineData("reward 1", "loss 1", "saved 'reward 1', now 'loss 1'")]
    [InlineData("a\nb", "a", "line 2: saved 'b', now '(nothing)'")]
    [InlineData("step  Seconds  x\n1     2.5      7", "step  Seconds  x\n1     99.5     7", null)]
    [InlineData("step  Seconds  x\n1     2.5      7", "step  Seconds  x\n1     99.5     8", "line 2")]
    public void Words_are_equal_numbers_near_and_times_left_out(string saved, string now, string? difference)
    {
        var found = new OutputComparison(0.01).Differences([Outputs.Stream("stdout", saved)], [Outputs.Stream("stdout", now)]).ToArray();
        Assert.Equal(difference is null ? 0 : 1, found.Length);
        Assert.Contains(difference ?? "", found.FirstOrDefault() ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Figures_are_compared_number_by_number()
    {
        JsonArray Figure(string y) => [Outputs.Display(new Dictionary<string, string> { ["application/vnd.plotly.v1+json"] = $$"""{"data": [{"y": [1, {{y}}]}]}""", ["text/html"] = y })];
        Assert.Empty(new OutputComparison(0.01).Differences(Figure("2.0"), Figure("2.001")));
        Assert.Contains("data[0].y[1]: saved 2.0, now 3", Assert.Single(new OutputComparison(0.01).Differences(Figure("2.0"), Figure("3"))), StringComparison.Ordinal);
        Assert.Contains("had 2 items, now 3", Assert.Single(new OutputComparison(0.01).Differences(Figure("2"), Figure("2, 2"))), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_kinds_of_output_and_missing_ones_are_told()
    {
        JsonArray result = [Outputs.Result(new Dictionary<string, string> { ["text/plain"] = "1" }, 1)];
        Assert.Contains("a result was saved, now it is stdout", Assert.Single(new OutputComparison(0).Differences(result, [Outputs.Stream("stdout", "1")])), StringComparison.Ordinal);
        Assert.Contains("1 output was saved, now there are 0", Assert.Single(new OutputComparison(0).Differences(result, [])), StringComparison.Ordinal);
        Assert.Empty(new OutputComparison(0).Differences([Outputs.Stream("stdout", "a"), Outputs.Stream("stdout", "b")], [Outputs.Stream("stdout", "ab")]));
    }
}
