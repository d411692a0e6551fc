namespace RlPrimitives.Rewards;

/// <summary>Rewards relative to the other members of a group.</summary>
public static class RelativeRewards
{
    /// <summary>Ranks scaled to [0, 1], 0 the smallest; ties share their mean rank; a single value has ½.</summary>
    /// <param name="values">Scores of one group, [G].</param>
    public static float[] Ranks(ReadOnlySpan<float> values)
    {
        var result = new float[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            int below = 0, equal = -1;
            foreach (var other in values)
            {
                below += other < values[i] ? 1 : 0;
                equal += other == values[i] ? 1 : 0;
            }

            result[i] = values.Length == 1 ? 0.5f : (below + (0.5f * equal)) / (values.Length - 1);
        }

        return result;
    }

    /// <summary>(r − μ)/(s + ε) with the Bessel deviation s; 0 for a single value.</summary>
    /// <param name="values">Scores of one group, [G].</param>
    /// <param name="epsilon">ε, keeps a unanimous group finite.</param>
    public static float[] ZScores(ReadOnlySpan<float> values, double epsilon = 1e-6)
    {
        var result = new float[values.Length];
        if (values.Length < 2)
        {
            return result;
        }

        double mean = 0, squares = 0;
        foreach (var value in values)
        {
            mean += (double)value / values.Length;
        }

        foreach (var value in values)
        {
            squares += (value - mean) * (value - mean);
        }

        var deviation = Math.Sqrt(squares / (values.Length - 1));
        for (var i = 0; i < values.Length; i++)
        {
            result[i] = (float)((values[i] - mean) / (deviation + epsilon));
        }

        return result;
    }

    /// <summary>r_i − mean of the others = G/(G−1)·(r_i − μ); 0 for a single value.</summary>
    /// <param name="values">Scores of one group, [G].</param>
    public static float[] LeaveOneOut(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (var value in values)
        {
            sum += value;
        }

        var result = new float[values.Length];
        for (var i = 0; i < values.Length && values.Length > 1; i++)
        {
            result[i] = (float)(values[i] - ((sum - values[i]) / (values.Length - 1)));
        }

        return result;
    }
}
