namespace RlPrimitives.Backprop;

/// <summary>A reward that falls before the length limit instead of a cliff at it (Yu et al. 2025, DAPO, arXiv:2503.14476, eq. 13).</summary>
public static class OverlongPenalty
{
    /// <summary>0 up to L_max − buffer; then max(−1, −(L − (L_max − buffer))/buffer)·factor.</summary>
    /// <param name="length">L, sampled tokens of the response; at least 0.</param>
    /// <param name="maxLength">L_max, the limit.</param>
    /// <param name="buffer">Tokens before the limit over which it falls; in [1, L_max].</param>
    /// <param name="factor">The penalty at the limit; at least 0.</param>
    /// <returns>In [−factor, 0]; to be added to the reward.</returns>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static double Of(int length, int maxLength, int buffer, double factor = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfLessThan(buffer, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(buffer, maxLength);
        ArgumentOutOfRangeException.ThrowIfNegative(factor);
        var excess = length - (maxLength - buffer);
        return excess <= 0 ? 0 : Math.Max(-1, -(double)excess / buffer) * factor;
    }
}
