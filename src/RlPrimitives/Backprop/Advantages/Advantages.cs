namespace RlPrimitives.Backprop;

/// <summary>How much better than expected: advantages from rewards. Managed arithmetic in double precision; whatever is absent (null) has advantage 0 and is outside of every statistic.</summary>
public static partial class Advantages
{
    /// <summary>Group-relative advantages, (r − μ)/(s + ε), s the Bessel standard deviation (Shao et al. 2024, arXiv:2402.03300, eq. 3).</summary>
    /// <remarks>Absent rewards (null) have advantage 0 and are outside μ and s. A unanimous group has advantages 0, as has a group of one.</remarks>
    /// <param name="rewards">Rewards of the members, [G].</param>
    /// <param name="normalization">What to divide by.</param>
    /// <param name="epsilon">ε: 1e-4 as in TRL, 1e-6 as in verl.</param>
    /// <returns>[G]</returns>
    public static float[] GroupRelative(
        ReadOnlySpan<float?> rewards, AdvantageNormalization normalization = AdvantageNormalization.GroupDeviation, double epsilon = 1e-4) =>
        GroupRelative(rewards, new GroupConvention { Normalization = normalization, Epsilon = epsilon });

    /// <summary>Group-relative advantages in a peer's convention: (r − μ)/(s + ε), r − μ, or (r − μ)/(μ + ε).</summary>
    /// <param name="rewards">Rewards of the members, [G].</param>
    /// <param name="convention">Divisor, ε and what a group of one gets.</param>
    /// <returns>[G]</returns>
    public static float[] GroupRelative(ReadOnlySpan<float?> rewards, GroupConvention convention)
    {
        ArgumentNullException.ThrowIfNull(convention);
        var result = new float[rewards.Length];
        var (count, mean, deviation) = Moments(rewards);
        if (count == 0)
        {
            return result;
        }

        if (count == 1)
        {
            (mean, deviation) = (convention.SingleKeepsReward ? 0 : mean, 1);
        }

        var scale = count == 1 ? 1 : convention.Normalization switch
        {
            AdvantageNormalization.GroupDeviation => 1 / (deviation + convention.Epsilon),
            AdvantageNormalization.GroupMean => 1 / (mean + convention.Epsilon),
            _ => 1,
        };
        for (var i = 0; i < rewards.Length; i++)
        {
            // A unanimous group is exactly 0 even where ε is 0 and the scale infinite.
            result[i] = rewards[i] is { } r && r != mean ? (float)((r - mean) * scale) : 0;
        }

        return result;
    }

    /// <summary>Group-relative advantages of a whole batch, whose groups may lie in any order.</summary>
    /// <param name="rewards">Rewards, [B].</param>
    /// <param name="groups">Which group each row belongs to, [B]; any numbers.</param>
    /// <param name="convention">Divisor, ε and what a group of one gets.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] GroupRelative(ReadOnlySpan<float?> rewards, ReadOnlySpan<int> groups, GroupConvention convention) =>
        PerGroup(rewards, groups, members => GroupRelative(members, convention));

    /// <summary>Leave-one-out advantages, r − (Σr − r)/(G − 1) = G/(G − 1)·(r − μ) (RLOO; Ahmadian et al. 2024, arXiv:2402.14740, §2.2).</summary>
    /// <param name="rewards">Rewards of the members, [G].</param>
    /// <param name="singleKeepsReward">Whether a group of one has advantage r, as in verl's rloo, and not 0, as in its rloo_vectorized.</param>
    /// <returns>[G]</returns>
    public static float[] LeaveOneOut(ReadOnlySpan<float?> rewards, bool singleKeepsReward = false)
    {
        var (count, mean, _) = Moments(rewards);
        var result = new float[rewards.Length];
        for (var i = 0; i < rewards.Length; i++)
        {
            result[i] = rewards[i] is not { } r ? 0 : count > 1 ? (float)((double)count / (count - 1) * (r - mean)) : singleKeepsReward ? r : 0;
        }

        return result;
    }

    /// <summary>Leave-one-out advantages of a whole batch, whose groups may lie in any order.</summary>
    /// <param name="rewards">Rewards, [B].</param>
    /// <param name="groups">Which group each row belongs to, [B]; any numbers.</param>
    /// <param name="singleKeepsReward">Whether a group of one has advantage r and not 0.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] LeaveOneOut(ReadOnlySpan<float?> rewards, ReadOnlySpan<int> groups, bool singleKeepsReward = false) =>
        PerGroup(rewards, groups, members => LeaveOneOut(members, singleKeepsReward));

    private static float[] PerGroup(ReadOnlySpan<float?> rewards, ReadOnlySpan<int> groups, Func<float?[], float[]> compute)
    {
        CheckLengths(rewards.Length, groups.Length, nameof(rewards), nameof(groups));
        var all = rewards.ToArray();
        var result = new float[all.Length];
        var of = groups.ToArray();
        foreach (var members in Enumerable.Range(0, all.Length).GroupBy(i => of[i]).Select(g => g.ToArray()))
        {
            var advantages = compute(Array.ConvertAll(members, i => all[i]));
            for (var i = 0; i < members.Length; i++)
            {
                result[members[i]] = advantages[i];
            }
        }

        return result;
    }

    /// <summary>Number, mean and Bessel standard deviation of what is present; the deviation of fewer than two is 0.</summary>
    private static (int Count, double Mean, double Deviation) Moments(ReadOnlySpan<float?> values)
    {
        double sum = 0, squares = 0;
        var count = 0;
        foreach (var value in values)
        {
            sum += value ?? 0;
            count += value is null ? 0 : 1;
        }

        var mean = count > 0 ? sum / count : 0;
        foreach (var value in values)
        {
            squares += value is { } v ? (v - mean) * (v - mean) : 0;
        }

        return (count, mean, count > 1 ? Math.Sqrt(squares / (count - 1)) : 0);
    }

    private static void CheckLengths(int first, int second, string firstName, string secondName)
    {
        if (first != second)
        {
            throw new ArgumentException($"{firstName} has {first} elements, {secondName} {second}; they must be equal.");
        }
    }
}
