namespace RlPrimitives.Backprop;

public static partial class Advantages
{
    /// <summary>Generalized advantage estimates of one sequence: δ = r + γV′ − V, A = δ + γλA′; returns A + V (Schulman et al. 2016, arXiv:1506.02438, eq. 16).</summary>
    /// <remarks>
    /// A masked token (an observation) is no time step: the V′ and A′ of the next unmasked token are carried through it, its own reward and value play no part,
    /// and its advantage and return are 0. Nothing follows the last token: V′ = A′ = 0. Returns are those before any whitening.
    /// </remarks>
    /// <param name="rewards">r, [T].</param>
    /// <param name="values">V, [T].</param>
    /// <param name="mask">True where a token was sampled, [T]; empty for all.</param>
    /// <param name="gamma">γ, in [0, 1].</param>
    /// <param name="lambda">λ, in [0, 1]; verl's default is 1.</param>
    /// <returns>Advantages and returns, [T] each.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">γ or λ is outside [0, 1].</exception>
    public static (float[] Advantages, float[] Returns) Gae(
        ReadOnlySpan<float> rewards, ReadOnlySpan<float> values, ReadOnlySpan<bool> mask = default, double gamma = 1, double lambda = 0.95)
    {
        CheckLengths(rewards.Length, values.Length, nameof(rewards), nameof(values));
        CheckMask(rewards.Length, mask, nameof(rewards));
        CheckDiscount(gamma, nameof(gamma));
        CheckDiscount(lambda, nameof(lambda));
        float[] advantages = new float[rewards.Length], returns = new float[rewards.Length];
        double nextValue = 0, next = 0;
        for (var t = rewards.Length - 1; t >= 0; t--)
        {
            if (mask.IsEmpty || mask[t])
            {
                next = rewards[t] + (gamma * nextValue) - values[t] + (gamma * lambda * next);
                nextValue = values[t];
                advantages[t] = (float)next;
                returns[t] = (float)(next + nextValue);
            }
        }

        return (advantages, returns);
    }

    /// <summary>Return to go of one sequence, R = r + γR′.</summary>
    /// <remarks>A masked token is no time step: R′ is carried through it, its own return is 0.</remarks>
    /// <param name="rewards">r, [T].</param>
    /// <param name="mask">True where a token was sampled, [T]; empty for all.</param>
    /// <param name="gamma">γ, in [0, 1].</param>
    /// <returns>[T]</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="ArgumentOutOfRangeException">γ is outside [0, 1].</exception>
    public static float[] ReturnsToGo(ReadOnlySpan<float> rewards, ReadOnlySpan<bool> mask = default, double gamma = 1)
    {
        CheckMask(rewards.Length, mask, nameof(rewards));
        CheckDiscount(gamma, nameof(gamma));
        var returns = new float[rewards.Length];
        var next = 0.0;
        for (var t = rewards.Length - 1; t >= 0; t--)
        {
            if (mask.IsEmpty || mask[t])
            {
                next = rewards[t] + (gamma * next);
                returns[t] = (float)next;
            }
        }

        return returns;
    }

    private static void CheckMask(int length, ReadOnlySpan<bool> mask, string name)
    {
        if (!mask.IsEmpty)
        {
            CheckLengths(length, mask.Length, name, nameof(mask));
        }
    }

    private static void CheckDiscount(double value, string name)
    {
        if (value is not (>= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(name, value, $"{name} must be in [0, 1].");
        }
    }
}
