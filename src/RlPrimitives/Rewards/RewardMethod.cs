namespace RlPrimitives.Rewards;

/// <summary>The methods that come with the library; any other <see cref="IRewardMethod"/> may stand in their place.</summary>
public static class RewardMethod
{
    /// <summary>The weighted sum of the scores.</summary>
    public static AbsoluteReward Absolute { get; } = new();

    /// <summary>The rank of the weighted sum within the group, in [0, 1].</summary>
    public static RelativeRankReward RelativeRank { get; } = new();

    /// <summary>The standard score of the weighted sum within the group.</summary>
    public static RelativeZScoreReward RelativeZScore { get; } = new();

    /// <summary>The weighted sum less the mean of the group's other members.</summary>
    public static LeaveOneOutReward LeaveOneOut { get; } = new();

    /// <summary>Every objective standardised within the group, then the weighted sum.</summary>
    public static NormalizedSumReward NormalizeThenSum { get; } = new();

    /// <summary>The front of the trajectory and its isolation there, in [0, 1]; no weighing of one objective against another.</summary>
    /// <param name="scope">Who is compared with whom.</param>
    /// <param name="tieBreak">What tells members of one front apart; null for <see cref="TieBreak.Crowding"/>.</param>
    public static ParetoReward Pareto(ParetoScope scope = ParetoScope.Group, ITieBreak? tieBreak = null) => new(scope, tieBreak ?? TieBreak.Crowding);
}
