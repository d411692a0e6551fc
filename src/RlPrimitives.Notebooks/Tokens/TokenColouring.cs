namespace RlPrimitives.Notebooks;

/// <summary>What tokens are coloured by at first; the others are a click away.</summary>
public enum TokenColouring
{
    /// <summary>How unlikely the token was when it was sampled.</summary>
    LogProb,

    /// <summary>Whether the update makes it more likely or less.</summary>
    Advantage,

    /// <summary>Whether it has become more likely or less since it was sampled.</summary>
    Ratio,

    /// <summary>Whether it is trained on.</summary>
    Mask,
}
