namespace RlPrimitives.Inference;

/// <summary>A token that may come next, and how likely it is.</summary>
/// <param name="Id">The id.</param>
/// <param name="Text">What it spells, special tokens by name; a byte that is no whole character becomes U+FFFD.</param>
/// <param name="Logit">The model's own number, before temperature, filters and penalty.</param>
/// <param name="LogProb">Nats, of the distribution sampled from.</param>
public readonly record struct TokenCandidate(int Id, string Text, float Logit, float LogProb)
{
    /// <summary>exp(<see cref="LogProb"/>), in (0, 1].</summary>
    public double Probability => Math.Exp(LogProb);
}
