namespace RlPrimitives.Backprop;

/// <summary>How much better than expected: advantages from the rewards of a group.</summary>
public static class Advantages
{
    /// <summary>Group-relative advantages, (r − μ)/(s + ε), s the Bessel standard deviation (Shao et al. 2024, arXiv:2402.03300, eq. 3).</summary>
    /// <remarks>Absent rewards (null) have advantage 0 and are outside μ and s. A unanimous group has advantages 0, as has a group of one.</remarks>
    /// <param name="rewards">Rewards of the members, [G].</param>
    /// <param name="normalization">Whether to divide by the deviation.</param>
    /// <param name="epsilon">ε: 1e-4 as in TRL, 1e-6 as in verl.</param>
    /// <returns>[G]</returns>
    public static float[] GroupRelative(
        ReadOnlySpan<float?> rewards, AdvantageNormalization normalization = AdvantageNormalization.GroupDeviation, double epsilon = 1e-4)
    {
        var result = new float[rewards.Length];
        double sum = 0, squares = 0;
        var count = 0;
        foreach (var reward in rewards)
        {
            sum += reward ?? 0;
            count += reward is null ? 0 : 1;
        }

        if (count < 2)
        {
            return result;
        }

        var mean = sum / count;
        foreach (var reward in rewards)
        {
            squares += reward is { } r ? (r - mean) * (r - mean) : 0;
        }

        var scale = normalization == AdvantageNormalization.None ? 1 : 1 / (Math.Sqrt(squares / (count - 1)) + epsilon);
        for (var i = 0; i < rewards.Length; i++)
        {
            result[i] = rewards[i] is { } r ? (float)((r - mean) * scale) : 0;
        }

        return result;
    }
}

/// <summary>What a group's centred rewards are divided by.</summary>
public enum AdvantageNormalization
{
    /// <summary>The group's standard deviation (GRPO).</summary>
    GroupDeviation,

    /// <summary>Nothing: no bias towards problems that are almost always or almost never solved (Dr.GRPO, arXiv:2503.20783).</summary>
    None,
}
