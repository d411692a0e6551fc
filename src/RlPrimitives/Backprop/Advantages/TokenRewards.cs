namespace RlPrimitives.Backprop;

/// <summary>From the reward of a sequence to rewards of its tokens.</summary>
public static class TokenRewards
{
    /// <summary>All of the reward on the last token, 0 before.</summary>
    /// <param name="reward">Of the sequence.</param>
    /// <param name="length">L, at least 1.</param>
    /// <returns>[L]</returns>
    public static float[] AtEnd(float reward, int length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        var result = new float[length];
        result[^1] = reward;
        return result;
    }

    /// <summary>KL in the reward: r_t − β·kl_t (Ziegler et al. 2019, arXiv:1909.08593, eq. 2; Ouyang et al. 2022, arXiv:2203.02155).</summary>
    /// <param name="rewards">r, [L].</param>
    /// <param name="logProbs">Of the policy that sampled, nats, [L].</param>
    /// <param name="referenceLogProbs">Of the reference, nats, [L].</param>
    /// <param name="coefficient">β, 0.05 in TRL's PPO.</param>
    /// <param name="estimator">kl; k1 in TRL and verl.</param>
    /// <returns>[L]</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] WithKl(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> logProbs, ReadOnlySpan<float> referenceLogProbs, double coefficient, KlEstimator estimator = KlEstimator.K1)
    {
        if (rewards.Length != logProbs.Length || rewards.Length != referenceLogProbs.Length)
        {
            throw new ArgumentException($"rewards has {rewards.Length} elements, logProbs {logProbs.Length}, referenceLogProbs {referenceLogProbs.Length}; they must be equal.");
        }

        var result = new float[rewards.Length];
        for (var t = 0; t < result.Length; t++)
        {
            result[t] = (float)(rewards[t] - (coefficient * Kl.Of(logProbs[t], referenceLogProbs[t], estimator)));
        }

        return result;
    }
}
