using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rewards;

/// <summary>Trajectories and scores made by hand.</summary>
internal static class Scored
{
    /// <summary>A trajectory of one turn; one token for each character unless tokens are given.</summary>
    public static Trajectory Trajectory(string response, string answer = "", int group = 0, int member = 0, int[]? tokens = null)
    {
        tokens ??= [.. response.Select(c => (int)c), 0];
        return new Trajectory(
            new Problem($"p{group}", "?", answer), group, member, [new Turn([1], tokens, new float[tokens.Length], response, StopReason.StopToken, 1)], TrajectoryStatus.Terminated);
    }

    public static Trajectory Failed(int group = 0, int member = 0) => new(new Problem($"p{group}", "?", ""), group, member, [], TrajectoryStatus.Failed, "broke");

    /// <summary>Members of one group for each row of responses.</summary>
    public static Trajectory[] Groups(params string[][] responses) =>
        [.. responses.SelectMany((row, g) => row.Select((r, m) => Trajectory(r, group: g, member: m)))];

    /// <summary>A table of one group (or the given ones) from rows of scores, [B][K].</summary>
    public static ScoreTable Table(float?[][] rows, float[]? weights = null, int[]? groups = null)
    {
        var objectives = rows[0].Length;
        return new ScoreTable(
            groups ?? new int[rows.Length], [.. Enumerable.Range(0, objectives).Select(k => $"o{k}")], weights ?? [.. Enumerable.Repeat(1f, objectives)],
            [.. Enumerable.Range(0, objectives).Select(k => rows.Select(r => r[k]).ToArray())]);
    }

    public static void Near(float?[] expected, float?[] actual, float tolerance = 1e-5f)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(
                expected[i] is { } e ? actual[i] is { } a && Math.Abs(a - e) <= tolerance : actual[i] is null,
                $"[{i}]: expected {expected[i]?.ToString() ?? "null"}, got {actual[i]?.ToString() ?? "null"}");
        }
    }
}
