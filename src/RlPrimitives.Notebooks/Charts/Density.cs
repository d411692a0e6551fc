namespace RlPrimitives.Notebooks.Charts;

/// <summary>A distribution as a smooth curve: a Gaussian kernel with Silverman's bandwidth, 0.9·min(σ, IQR/1.34)·n^(−1/5) (Silverman 1986, eq. 3.31).</summary>
/// <param name="At">Values, ascending.</param>
/// <param name="Height">Density there, as a share of the greatest.</param>
internal sealed record Density(double[] At, double[] Height)
{
    private const int Places = 40;

    /// <param name="values">At least one.</param>
    /// <param name="low">Least value of all curves that stand beside it.</param>
    /// <param name="high">Greatest value of them.</param>
    public static Density Of(double[] values, double low, double high)
    {
        var range = high > low ? high - low : 1;
        var sorted = values.Order().ToArray();
        var mean = sorted.Average();
        var deviation = Math.Sqrt(sorted.Average(v => (v - mean) * (v - mean)));
        var quartiles = (sorted[sorted.Length * 3 / 4] - sorted[sorted.Length / 4]) / 1.34;
        var spread = quartiles > 0 ? Math.Min(deviation, quartiles) : deviation;
        var width = Math.Clamp(0.9 * spread * Math.Pow(sorted.Length, -0.2), range / 40, range / 4); // single values stay visible, and apart
        double[] at = [.. Enumerable.Range(0, Places).Select(i => Brief(low - (range / 12) + (i * range * 7 / 6 / (Places - 1))))];
        double[] height = [.. at.Select(x => sorted.Sum(v => Math.Exp(-0.5 * (x - v) * (x - v) / (width * width))))];
        var most = height.Max();
        return new Density(at, [.. height.Select(h => Math.Round(h / most, 3))]);
    }

    // What a drawing can show: a digit fewer in every number is a tenth of the figure.
    private static double Brief(double value) => double.Parse(value.ToString("G4", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
}
