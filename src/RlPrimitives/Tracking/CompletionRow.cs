namespace RlPrimitives.Tracking;

/// <summary>One trajectory as a row of a table.</summary>
/// <param name="Iteration">The step that it was collected for, 1-based.</param>
/// <param name="Group">Index of its group within the batch.</param>
/// <param name="Member">Index within the group.</param>
/// <param name="ProblemId">Id of the problem.</param>
/// <param name="Prompt">What was asked.</param>
/// <param name="Response">The text of the last turn.</param>
/// <param name="Rewards">Score of each objective by name; null abstained.</param>
/// <param name="Total">The reward; null where there is none.</param>
/// <param name="Advantage">Mean over its tokens; null where it took no part in the update.</param>
/// <param name="Status">How it ended.</param>
/// <param name="StopReason">Why the last turn ended; null without turns.</param>
/// <param name="Tokens">Sampled tokens.</param>
public sealed record CompletionRow(
    int Iteration, int Group, int Member, string ProblemId, string Prompt, string Response, IReadOnlyDictionary<string, float?> Rewards, float? Total,
    float? Advantage, string Status, string? StopReason, int Tokens)
{
    /// <summary>Texts of all turns where there are several, oldest first; empty otherwise.</summary>
    public IReadOnlyList<string> Turns { get; init; } = [];

    /// <summary>What was thrown, where it failed.</summary>
    public string? Error { get; init; }

    /// <summary>Characters of its texts: what it weighs in a queue.</summary>
    internal long Characters => Prompt.Length + Response.Length + (Error?.Length ?? 0) + Turns.Sum(t => (long)t.Length) + 64;
}
