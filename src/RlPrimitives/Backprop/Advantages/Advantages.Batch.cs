namespace RlPrimitives.Backprop;

public static partial class Advantages
{
    /// <summary>Masked whitening: mean 0 and variance 1 over all unmasked values of a batch.</summary>
    /// <param name="values">x, of all sequences one after the other, [N].</param>
    /// <param name="mask">True where a value counts, [N]; empty for all.</param>
    /// <param name="convention">Variance and ε; verl's and TRL's if null.</param>
    /// <returns>[N]; 0 where masked, and (without <see cref="Whitening.KeepsMean"/>) 0 everywhere if the values are equal.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] Whiten(ReadOnlySpan<float> values, ReadOnlySpan<bool> mask = default, Whitening? convention = null)
    {
        CheckMask(values.Length, mask, nameof(values));
        convention ??= Whitening.Verl;
        var result = new float[values.Length];
        double sum = 0, squares = 0;
        var count = 0;
        for (var i = 0; i < values.Length; i++)
        {
            if (mask.IsEmpty || mask[i])
            {
                sum += values[i];
                count++;
            }
        }

        var mean = sum / Math.Max(1, count);
        for (var i = 0; i < values.Length; i++)
        {
            squares += mask.IsEmpty || mask[i] ? (values[i] - mean) * (values[i] - mean) : 0;
        }

        var variance = squares / Math.Max(1, convention.Bessel ? count - 1 : count);
        variance = convention.FloorsVariance ? Math.Max(variance, convention.Epsilon) : variance + convention.Epsilon;
        var scale = convention.Scales ? 1 / Math.Sqrt(variance) : 1;
        for (var i = 0; i < values.Length; i++)
        {
            if (mask.IsEmpty || mask[i])
            {
                result[i] = (float)((values[i] == mean ? 0 : (values[i] - mean) * scale) + (convention.KeepsMean ? mean : 0));
            }
        }

        return result;
    }

    /// <summary>Batch-level normalisation, (r − μ)/(s + ε) with μ and s over the whole batch.</summary>
    /// <param name="rewards">r, [B]; null is absent.</param>
    /// <param name="epsilon">ε, 1e-4 as in TRL.</param>
    /// <returns>[B]</returns>
    public static float[] BatchRelative(ReadOnlySpan<float?> rewards, double epsilon = 1e-4) =>
        GroupRelative(rewards, GroupConvention.Trl with { Epsilon = epsilon });

    /// <summary>Group mean, batch deviation: (r − μ_group)/(s_batch + ε), s of the rewards themselves (TRL's scale_rewards = batch; Liu et al. 2025, arXiv:2508.08221).</summary>
    /// <param name="rewards">r, [B]; null is absent.</param>
    /// <param name="groups">Which group each row belongs to, [B]; any numbers.</param>
    /// <param name="epsilon">ε, 1e-4 as in TRL.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] GroupMeanBatchDeviation(ReadOnlySpan<float?> rewards, ReadOnlySpan<int> groups, double epsilon = 1e-4)
    {
        var centred = GroupRelative(rewards, groups, GroupConvention.DrGrpo);
        var deviation = Moments(rewards).Deviation;
        return Array.ConvertAll(centred, c => c == 0 ? 0 : (float)(c / (deviation + epsilon)));
    }

    /// <summary>GDPO: every objective is normalised within its group before they are added, A = Σ_k w_k·(r_k − μ_k)/(s_k + ε), and the sum over the batch
    /// (Liu et al. 2026, arXiv:2601.05242, §3).</summary>
    /// <param name="objectives">Scores r_k of each objective, K arrays of [B]; null is absent, and outside of that objective's statistics.</param>
    /// <param name="weights">w, [K].</param>
    /// <param name="groups">Which group each row belongs to, [B]; any numbers.</param>
    /// <param name="epsilon">ε, 1e-4 as in TRL.</param>
    /// <param name="normalizesBatch">Whether the sums are normalised over the batch.</param>
    /// <returns>[B]; 0 for a row without any score.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] Gdpo(IReadOnlyList<float?[]> objectives, ReadOnlySpan<float> weights, ReadOnlySpan<int> groups, double epsilon = 1e-4, bool normalizesBatch = true)
    {
        ArgumentNullException.ThrowIfNull(objectives);
        CheckLengths(objectives.Count, weights.Length, nameof(objectives), nameof(weights));
        var sums = new float?[groups.Length];
        for (var k = 0; k < objectives.Count; k++)
        {
            var normalized = GroupRelative(objectives[k], groups, GroupConvention.Trl with { Epsilon = epsilon });
            for (var i = 0; i < sums.Length; i++)
            {
                sums[i] = objectives[k][i] is null ? sums[i] : (sums[i] ?? 0) + (weights[k] * normalized[i]);
            }
        }

        return normalizesBatch ? BatchRelative(sums, epsilon) : Array.ConvertAll(sums, s => s ?? 0);
    }

    /// <summary>REINFORCE++: returns to go of token rewards (which include −coefficient·KL), whitened over all tokens of the batch (Hu 2025, arXiv:2501.03262).</summary>
    /// <param name="rewards">Token rewards of the sampled tokens of all sequences, one sequence after the other, [M].</param>
    /// <param name="lengths">Sampled tokens of each sequence, [B].</param>
    /// <param name="gamma">γ, in [0, 1].</param>
    /// <param name="whitening">Variance and ε; verl's if null.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">The lengths do not add up to M.</exception>
    public static float[] ReinforcePlusPlus(ReadOnlySpan<float> rewards, ReadOnlySpan<int> lengths, double gamma = 1, Whitening? whitening = null)
    {
        Sequences.Check(rewards.Length, lengths);
        var returns = new float[rewards.Length];
        for (int b = 0, start = 0; b < lengths.Length; start += lengths[b++])
        {
            ReturnsToGo(rewards.Slice(start, lengths[b]), gamma: gamma).CopyTo(returns, start);
        }

        return Whiten(returns, convention: whitening);
    }

    /// <summary>REINFORCE++ with a baseline: r − μ of the group on each token, whitened over all tokens of the batch (Hu 2025, arXiv:2501.03262).</summary>
    /// <param name="rewards">Rewards, [B]; a row whose reward is null has advantage 0 and is outside the whitening.</param>
    /// <param name="groups">Which group each row belongs to, [B]; any numbers.</param>
    /// <param name="lengths">Sampled tokens of each row, [B].</param>
    /// <param name="singleKeepsReward">Whether the one member of a group has r in place of r − μ, as in verl.</param>
    /// <param name="whitening">Variance and ε; verl's if null.</param>
    /// <returns>Of all tokens, one sequence after the other, [M].</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] ReinforcePlusPlusBaseline(
        ReadOnlySpan<float?> rewards, ReadOnlySpan<int> groups, ReadOnlySpan<int> lengths, bool singleKeepsReward = false, Whitening? whitening = null)
    {
        CheckLengths(rewards.Length, lengths.Length, nameof(rewards), nameof(lengths));
        var centred = GroupRelative(rewards, groups, GroupConvention.DrGrpo with { SingleKeepsReward = singleKeepsReward });
        var values = new List<float>();
        var mask = new List<bool>();
        for (var b = 0; b < centred.Length; b++)
        {
            values.AddRange(Enumerable.Repeat(centred[b], lengths[b]));
            mask.AddRange(Enumerable.Repeat(rewards[b] is not null, lengths[b]));
        }

        return Whiten(values.ToArray(), mask.ToArray(), whitening);
    }
}
