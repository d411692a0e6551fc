namespace RlPrimitives.Backprop;

/// <summary>What advantages are estimated from: B trajectories, whose groups may lie in any order.</summary>
/// <param name="Rewards">Of each trajectory, [B]; null: it has none, its advantages are 0, and it is outside of every statistic.</param>
/// <param name="Groups">Which group each belongs to, [B]; any numbers.</param>
/// <param name="Lengths">Sampled tokens of each, [B]; each at least 1.</param>
public sealed record AdvantageInput(float?[] Rewards, int[] Groups, int[] Lengths)
{
    /// <summary>Added to the reward of each sampled token, −β·kl_t, [B][L]; null for nothing.</summary>
    public float[][]? TokenPenalties { get; init; }

    /// <summary>Value of each sampled token, [B][L]; null without a value model.</summary>
    public float[][]? Values { get; init; }

    /// <summary>Rewards with the sum of their token penalties, [B]: for estimators that look at whole sequences.</summary>
    public float?[] PenalizedRewards() => TokenPenalties is { } penalties
        ? [.. Rewards.Select((r, b) => r is { } reward ? (float?)(reward + penalties[b].Sum(p => (double)p)) : null)]
        : Rewards;

    /// <summary>Rewards of the tokens of one trajectory: its reward on the last, penalties on each, [L].</summary>
    /// <param name="index">Which.</param>
    public float[] TokenRewards(int index)
    {
        var rewards = Backprop.TokenRewards.AtEnd(Rewards[index] ?? 0, Lengths[index]);
        for (var t = 0; TokenPenalties is not null && t < rewards.Length; t++)
        {
            rewards[t] += TokenPenalties[index][t];
        }

        return rewards;
    }
}

/// <summary>Advantages of the sampled tokens of B trajectories.</summary>
/// <param name="PerToken">[B][L]</param>
/// <param name="Returns">What values are trained towards, [B][L]; null from an estimator without values.</param>
public sealed record AdvantageBatch(float[][] PerToken, float[][]? Returns = null);

/// <summary>From rewards to advantages; which way is data, not a string.</summary>
public interface IAdvantageEstimator
{
    /// <summary>Whether it needs <see cref="AdvantageInput.Values"/>.</summary>
    bool NeedsValues => false;

    /// <summary>Whether it compares the members of a group, and so needs at least two.</summary>
    bool NeedsGroups => false;

    /// <summary>Estimates the advantages of a batch.</summary>
    AdvantageBatch Estimate(AdvantageInput input);
}
