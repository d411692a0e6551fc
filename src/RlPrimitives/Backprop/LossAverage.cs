namespace RlPrimitives.Backprop;

/// <summary>How per-token losses become one number. The divisor is counted over the whole optimizer step, so accumulation changes nothing.</summary>
public enum LossAverage
{
    /// <summary>Mean over all trained tokens (DAPO, arXiv:2503.14476).</summary>
    Token,

    /// <summary>Mean over each sequence, then over sequences (GRPO, arXiv:2402.03300).</summary>
    Sequence,
}

/// <summary>The weight of each token in the average.</summary>
public static class LossWeights
{
    /// <summary>Weights that sum to 1 over the optimizer step: loss = Σ w·loss_t.</summary>
    /// <param name="lengths">Trained tokens of each sequence, [B]; each at least 1.</param>
    /// <param name="average">Which average.</param>
    /// <returns>The weight of every token of each sequence, [B].</returns>
    public static float[] PerToken(ReadOnlySpan<int> lengths, LossAverage average)
    {
        var result = new float[lengths.Length];
        long tokens = 0;
        foreach (var length in lengths)
        {
            tokens += length >= 1 ? length : throw new ArgumentOutOfRangeException(nameof(lengths), length, "Every sequence needs at least one trained token.");
        }

        for (var i = 0; i < lengths.Length; i++)
        {
            result[i] = average == LossAverage.Token ? 1f / tokens : 1f / ((float)lengths.Length * lengths[i]);
        }

        return result;
    }
}
