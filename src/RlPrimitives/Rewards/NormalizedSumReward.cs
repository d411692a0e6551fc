namespace RlPrimitives.Rewards;

/// <summary>
/// R = Σ_k w_k·(r_k − μ_k)/(s_k + ε), with the mean and Bessel deviation of objective k over the members of the group that it scored: objectives of different scale
/// count alike, and different mixtures with the same sum stay apart. An abstaining objective adds 0, its group's mean.
/// GDPO: Liu et al. 2026, arXiv:2601.05242. An algorithm that would divide by the group's deviation once more does not, see <see cref="IRewardMethod.IsStandardized"/>.
/// </summary>
public sealed record NormalizedSumReward : IRewardMethod
{
    /// <summary>ε, keeps a unanimous objective finite; positive.</summary>
    public double Epsilon
    {
        get;
        init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(Epsilon), value, "Epsilon must be positive.");
    } = 1e-4;

    /// <summary>Whether the sums are standardised again, over the whole batch, with the same ε: the paper's last step, which keeps the size independent of K.</summary>
    public bool NormalizeBatch { get; init; }

    /// <inheritdoc/>
    public bool IsStandardized => true;

    /// <inheritdoc/>
    public float?[] Rewards(ScoreTable scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        var rewards = new float?[scores.Groups.Length];
        foreach (var members in scores.ScoredGroups())
        {
            var sums = new double[members.Length];
            for (var k = 0; k < scores.Columns.Length; k++)
            {
                var column = scores.Columns[k];
                var seen = Enumerable.Range(0, members.Length).Where(m => column[members[m]] is not null).ToArray();
                var standard = RelativeRewards.ZScores(Array.ConvertAll(seen, m => column[members[m]]!.Value), Epsilon);
                for (var i = 0; i < seen.Length; i++)
                {
                    sums[seen[i]] += (double)scores.Weights[k] * standard[i];
                }
            }

            for (var i = 0; i < members.Length; i++)
            {
                rewards[members[i]] = (float)sums[i];
            }
        }

        return NormalizeBatch ? OverBatch(rewards) : rewards;
    }

    private float?[] OverBatch(float?[] rewards)
    {
        var standard = new Queue<float>(RelativeRewards.ZScores([.. rewards.OfType<float>()], Epsilon));
        return Array.ConvertAll(rewards, r => r is null ? (float?)null : standard.Dequeue());
    }
}
