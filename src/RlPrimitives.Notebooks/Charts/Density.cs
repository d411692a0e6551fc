namespace RlPrimitives.Notebooks.Charts;

/// <summary>
/// A distribution as a smooth curve over the values that there are: a Gaussian kernel with Silverman's bandwidth, 0.9·min(σ, IQR/1.34)·n^(−1/5) (Silverman 1986, eq. 3.31). Where values
/// are few, as with rewards of 0 and 1, each is a narrow bump: a wide kernel would show rewards that nobody got.
/// </summary>
/// <param name="At">Values, ascending.</param>
/// <param name="Height">Density there, as a share of the greatest.</param>
internal sealed record Density(double[] At, double[] Height)
{
    // 36 steps: thirds, quarters and halves of a range lie on one.
    private const int Steps = 36, MostBumps = 12;
    private const double Tail = 3;

    /// <param name="values">At least one.</param>
    /// <param name="low">Least value of all curves that stand beside it.</param>
    /// <param name="high">Greatest value of them.</param>
    public static Density Of(double[] values, double low, double high)
    {
        var range = high > low ? high - low : low == 0 ? 1 : Math.Abs(low);
        var sorted = values.Order().ToArray();
        var different = sorted.Distinct().Take(MostBumps + 1).Count();
        var few = different <= MostBumps;
        var width = few ? range / Steps : Math.Clamp(Bandwidth(sorted), range / 80, range / 8);
        var finer = different <= 3 ? 2 : 1; // few bumps may be round ones
        double from = sorted[0] - (Tail * width), step = few ? width / finer : (sorted[^1] + (Tail * width) - from) / Steps;
        var places = few ? (int)Math.Ceiling(((sorted[^1] - sorted[0]) / step) - 1e-9) + (2 * (int)Tail * finer) : Steps;
        double[] at = [.. Enumerable.Range(0, places + 1).Select(i => from + (i * step))];
        double[] height = [.. at.Select(x => sorted.Sum(v => Math.Exp(-0.5 * (x - v) * (x - v) / (width * width))))];
        var most = height.Max();
        height = [.. height.Select(h => Math.Round(h / most, 3))];

        // A line needs only its ends.
        bool Turns(int i) => i == 0 || i == places || Math.Max(height[i], Math.Max(height[i - 1], height[i + 1])) > 0.002;
        int[] kept = [.. Enumerable.Range(0, places + 1).Where(Turns)];
        return new Density([.. kept.Select(i => Brief(at[i], range))], [.. kept.Select(i => height[i])]);
    }

    private static double Bandwidth(double[] sorted)
    {
        var mean = sorted.Average();
        var deviation = Math.Sqrt(sorted.Average(v => (v - mean) * (v - mean)));
        var quartiles = (sorted[sorted.Length * 3 / 4] - sorted[sorted.Length / 4]) / 1.34;
        return 0.9 * (quartiles > 0 ? Math.Min(deviation, quartiles) : deviation) * Math.Pow(sorted.Length, -0.2);
    }

    // What a drawing can show, a thousandth of the range: a digit fewer in every number is a tenth of the figure.
    private static double Brief(double value, double range)
    {
        var unit = Math.Pow(10, Math.Floor(Math.Log10(range)) - 3);
        return Math.Round(value / unit) * unit;
    }
}
