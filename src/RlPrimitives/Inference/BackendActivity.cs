namespace RlPrimitives.Inference;

/// <summary>What a backend has computed since it was made; the difference of two is what happened between them.</summary>
/// <param name="Slots">Sequences that it decodes at once, at most.</param>
/// <param name="Steps">Decode steps: each gives every running sequence one token.</param>
/// <param name="RowSteps">Tokens that those steps gave, one for each running sequence.</param>
/// <param name="PrefillTokens">Prompt tokens computed.</param>
/// <param name="ReusedTokens">Prompt tokens that were not computed because a group or a conversation had them already.</param>
public readonly record struct BackendActivity(int Slots, long Steps, long RowSteps, long PrefillTokens, long ReusedTokens)
{
    /// <summary>Mean number of sequences in a decode step; 0 without any step.</summary>
    public double MeanRows => Steps > 0 ? (double)RowSteps / Steps : 0;

    /// <summary>What was computed here and in <paramref name="other"/> together.</summary>
    public BackendActivity And(BackendActivity other) => new(
        Math.Max(Slots, other.Slots), Steps + other.Steps, RowSteps + other.RowSteps, PrefillTokens + other.PrefillTokens, ReusedTokens + other.ReusedTokens);

    /// <summary>What was computed after <paramref name="earlier"/>.</summary>
    public BackendActivity Since(BackendActivity earlier) => new(
        Slots, Steps - earlier.Steps, RowSteps - earlier.RowSteps, PrefillTokens - earlier.PrefillTokens, ReusedTokens - earlier.ReusedTokens);
}
