namespace RlPrimitives.Notebooks.Charts;

/// <summary>Long runs made short enough to draw: consecutive points are averaged, never picked.</summary>
internal static class Thinning
{
    /// <summary>How many consecutive points become one so that at most <paramref name="most"/> are left.</summary>
    public static int Stride(int count, int most) => Math.Max(1, (count + most - 1) / most);

    /// <summary>Means of consecutive stretches of <paramref name="stride"/>; what is not finite is left out, NaN where nothing is left.</summary>
    public static double[] Average(IReadOnlyList<double> values, int stride)
    {
        var result = new double[(values.Count + stride - 1) / stride];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = Mean(values.Skip(i * stride).Take(stride));
        }

        return result;
    }

    /// <summary>Mean of what is finite; NaN where nothing is.</summary>
    public static double Mean(IEnumerable<double> values) => values.Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average();

    /// <summary>How many iterations at either end a title speaks of: a tenth of the run, at least 1, at most 5.</summary>
    public static int EndWindow(int count) => Math.Clamp(count / 10, 1, 5);

    /// <summary>The x axis says so where points are averages.</summary>
    public static string IterationTitle(int stride) =>
        stride == 1 ? "iteration" : FormattableString.Invariant($"iteration (each point averages {stride})");
}
