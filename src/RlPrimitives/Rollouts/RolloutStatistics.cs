namespace RlPrimitives.Rollouts;

/// <summary>What a collection of rollouts looked like and cost.</summary>
/// <param name="Trajectories">Number collected.</param>
/// <param name="Terminated">Number that reached a terminal state.</param>
/// <param name="Truncated">Number ended by a limit.</param>
/// <param name="Failed">Number whose environment or tool threw.</param>
/// <param name="Turns">Model turns in all.</param>
/// <param name="PromptTokens">Tokens of all first prompts.</param>
/// <param name="ResponseTokens">Sampled tokens.</param>
/// <param name="MeanResponseLength">Sampled tokens per usable trajectory.</param>
/// <param name="MaxResponseLength">Longest response, tokens.</param>
/// <param name="Seconds">Wall time of the collection.</param>
public sealed record RolloutStatistics(
    int Trajectories, int Terminated, int Truncated, int Failed, int Turns, int PromptTokens, int ResponseTokens,
    double MeanResponseLength, int MaxResponseLength, double Seconds)
{
    /// <summary>Sampled tokens per second of wall time.</summary>
    public double TokensPerSecond => Seconds > 0 ? ResponseTokens / Seconds : 0;

    /// <summary>Share of trajectories ended by a limit, in [0, 1].</summary>
    public double TruncatedFraction => Trajectories > 0 ? (double)Truncated / Trajectories : 0;
}
