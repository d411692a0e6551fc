namespace RlPrimitives.Rewards;

/// <summary>R = Σ_k w_k·r_k over the objectives that did not abstain.</summary>
public sealed record AbsoluteReward : IRewardMethod
{
    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return scores.Totals();
    }
}

/// <summary>The rank of Σ_k w_k·r_k within the group, from 0 (worst) to 1 (best), ties sharing their mean; ½ for all where all are equal. An abstaining objective adds nothing to the sum.</summary>
public sealed record RelativeRankReward : IRewardMethod
{
    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return scores.TotalsWithinGroups(totals => RelativeRewards.Ranks(totals));
    }
}

/// <summary>(R − μ)/(s + ε) of R = Σ_k w_k·r_k within the group, s the Bessel deviation; 0 where all are equal or alone. An abstaining objective adds nothing to the sum.</summary>
public sealed record RelativeZScoreReward : IRewardMethod
{
    /// <summary>ε, keeps a unanimous group finite; positive.</summary>
    public double Epsilon
    {
        get;
        init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(Epsilon), value, "Epsilon must be positive.");
    } = 1e-6;

    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return scores.TotalsWithinGroups(totals => RelativeRewards.ZScores(totals, Epsilon));
    }
}

/// <summary>
/// R_i − mean of the group's other R_j, with R = Σ_k w_k·r_k; 0 for one that is alone. An abstaining objective adds nothing to the sum.
/// RLOO: Ahmadian et al. 2024, arXiv:2402.14740.
/// </summary>
public sealed record LeaveOneOutReward : IRewardMethod
{
    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        return scores.TotalsWithinGroups(totals => RelativeRewards.LeaveOneOut(totals));
    }
}
