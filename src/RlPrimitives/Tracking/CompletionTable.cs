namespace RlPrimitives.Tracking;

/// <summary>Completions as columns and rows, the same for every tracker that shows tables.</summary>
internal static class CompletionTable
{
    public static (string[] Columns, object?[][] Rows) Of(IReadOnlyList<CompletionRow> completions)
    {
        string[] objectives = [.. completions.SelectMany(c => c.Rewards.Keys).Distinct(StringComparer.Ordinal)];
        string[] columns =
        [
            "iteration", "group", "member", "problem_id", "prompt", "response", .. objectives.Select(o => $"reward/{o}"), "total", "advantage", "status", "stop_reason", "tokens", "turns", "error",
        ];
        return (columns, [.. completions.Select(c => (object?[])
        [
            c.Iteration, c.Group, c.Member, c.ProblemId, c.Prompt, c.Response, .. objectives.Select(o => (object?)c.Rewards.GetValueOrDefault(o)), c.Total, c.Advantage, c.Status,
            c.StopReason, c.Tokens, c.Turns.Count == 0 ? null : string.Join("\n\n", c.Turns), c.Error,
        ])]);
    }
}
