namespace RlPrimitives.Rewards;

/// <summary>How scores of a group's members become rewards.</summary>
public enum RewardMethod
{
    /// <summary>The scores themselves.</summary>
    Absolute,

    /// <summary>The rank within the group, from 0 (worst) to 1 (best), ties sharing their mean; ½ for all where all are equal.</summary>
    RelativeRank,

    /// <summary>Standard scores within the group, (r − μ)/(s + 1e-6) with the Bessel deviation; 0 where all are equal.</summary>
    RelativeZScore,
}
