namespace RlPrimitives.Backprop;

/// <summary>How per-token losses become one number. The divisor is counted over the whole optimizer step, so accumulation changes nothing.</summary>
public sealed record LossAverage
{
    private readonly Divisor divisor;

    private LossAverage(Divisor divisor, int maxLength = 0) => (this.divisor, MaxLength) = (divisor, maxLength);

    private enum Divisor
    {
        Token,
        Sequence,
        SequenceSum,
        Constant,
    }

    /// <summary>Mean over all trained tokens, Σ/Σ_b L_b (DAPO, arXiv:2503.14476).</summary>
    public static LossAverage Token { get; } = new(Divisor.Token);

    /// <summary>Mean over each sequence, then over sequences, 1/B·Σ_b 1/L_b·Σ_t (GRPO, arXiv:2402.03300).</summary>
    public static LossAverage Sequence { get; } = new(Divisor.Sequence);

    /// <summary>Sum over each sequence, mean over sequences, Σ/B.</summary>
    public static LossAverage SequenceSum { get; } = new(Divisor.SequenceSum);

    /// <summary>L_max; 0 where the average has none.</summary>
    public int MaxLength { get; }

    /// <summary>A constant divisor, Σ/(B·L_max), which does not favour short responses (Dr.GRPO; Liu et al. 2025, arXiv:2503.20783).</summary>
    /// <remarks>verl's seq-mean-token-sum-norm divides by L_max alone: B times as much.</remarks>
    /// <param name="maxLength">L_max, the longest response that could be sampled; at least 1.</param>
    public static LossAverage Constant(int maxLength) =>
        new(Divisor.Constant, maxLength >= 1 ? maxLength : throw new ArgumentOutOfRangeException(nameof(maxLength), maxLength, "maxLength must be at least 1."));

    /// <inheritdoc/>
    public override string ToString() => divisor == Divisor.Constant ? $"{divisor}({MaxLength})" : $"{divisor}";

    /// <summary>1/w of a token.</summary>
    internal double DivisorOf(int length, int sequences, long tokens) => divisor switch
    {
        Divisor.Token => tokens,
        Divisor.Sequence => (double)sequences * length,
        Divisor.SequenceSum => sequences,
        _ => (double)sequences * MaxLength,
    };
}

/// <summary>The weight of each token in the average.</summary>
public static class LossWeights
{
    /// <summary>Weights over the optimizer step: loss = Σ w·loss_t. They sum to 1 for the token and sequence means.</summary>
    /// <param name="lengths">Trained tokens of each sequence of the whole step, [B]; each at least 1.</param>
    /// <param name="average">Which average.</param>
    /// <returns>The weight of every token of each sequence, [B].</returns>
    /// <exception cref="ArgumentOutOfRangeException">A length is below 1.</exception>
    public static float[] PerToken(ReadOnlySpan<int> lengths, LossAverage average)
    {
        ArgumentNullException.ThrowIfNull(average);
        var result = new float[lengths.Length];
        long tokens = 0;
        foreach (var length in lengths)
        {
            tokens += length >= 1 ? length : throw new ArgumentOutOfRangeException(nameof(lengths), length, "Every sequence needs at least one trained token.");
        }

        for (var i = 0; i < lengths.Length; i++)
        {
            result[i] = (float)(1 / average.DivisorOf(lengths[i], lengths.Length, tokens));
        }

        return result;
    }
}
