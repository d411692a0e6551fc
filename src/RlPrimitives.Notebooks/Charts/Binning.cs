using System.Globalization;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>Where the bars of a distribution stand.</summary>
/// <param name="Centres">Middle of each bar.</param>
/// <param name="Width">Distance of two bars.</param>
/// <param name="Discrete">Each bar is one value, not a range.</param>
internal sealed record Binning(double[] Centres, double Width, bool Discrete)
{
    private const int MostValues = 12;

    /// <summary>One bar per value where values are few (a reward of 0 or 1), else equal ranges by the rule of Freedman and Diaconis (1981).</summary>
    public static Binning Of(IEnumerable<double> finite)
    {
        var sorted = finite.Order().ToArray();
        if (sorted.Length == 0)
        {
            throw new ArgumentException("There is no finite reward to show.", nameof(finite));
        }

        var distinct = sorted.Distinct().Take(MostValues + 1).ToArray();
        if (distinct.Length <= MostValues)
        {
            var gap = distinct.Zip(distinct.Skip(1), (a, b) => b - a).DefaultIfEmpty(1).Min();
            return new Binning(distinct, gap, Discrete: true);
        }

        double low = sorted[0], range = sorted[^1] - low, spread = sorted[sorted.Length * 3 / 4] - sorted[sorted.Length / 4];
        var ideal = 2 * spread / Math.Cbrt(sorted.Length);
        var count = (int)Math.Clamp(ideal > 0 ? Math.Ceiling(range / ideal) : 20, 8, 40);
        return new Binning([.. Enumerable.Range(0, count).Select(i => low + ((i + 0.5) * range / count))], range / count, Discrete: false);
    }

    /// <summary>Equal ranges between the ends of the values, with the edges of one at <paramref name="low"/> and <paramref name="high"/> as near as ranges of one width allow.</summary>
    /// <param name="finite">The values.</param>
    /// <param name="low">An edge.</param>
    /// <param name="high">Another, above.</param>
    /// <param name="none">The message where there is no value.</param>
    public static Binning Equal(double[] finite, double low, double high, string none)
    {
        if (finite.Length == 0)
        {
            throw new ArgumentException(none, nameof(finite));
        }

        // 10 ranges within the bounds; wider ones where a far outlier would need hundreds.
        double least = Math.Min(finite.Min(), low), most = Math.Max(finite.Max(), high), width = high > low ? (high - low) / 10 : Math.Max((most - least) / 20, 1e-6);
        width *= Math.Max(1, Math.Ceiling((most - least) / width / 60));
        var first = (int)Math.Floor(((least - low) / width) + 1e-9);
        var count = Math.Max(1, (int)Math.Ceiling(((most - low) / width) - 1e-9) - first);
        return new Binning([.. Enumerable.Range(first, count).Select(i => low + ((i + 0.5) * width))], width, Discrete: false);
    }

    /// <summary>Share of <paramref name="finite"/> in each bar, percent.</summary>
    public double[] Percent(IReadOnlyCollection<double> finite)
    {
        var counts = new int[Centres.Length];
        foreach (var value in finite)
        {
            var bin = Discrete ? Array.BinarySearch(Centres, value) : (int)((value - (Centres[0] - (Width / 2))) / Width);
            counts[Math.Clamp(bin, 0, counts.Length - 1)]++;
        }

        return [.. counts.Select(c => 100.0 * c / Math.Max(1, finite.Count))];
    }

    /// <summary>A value in as few digits as tell it from the others, or the ends of a range.</summary>
    public string Label(int bin) => Discrete
        ? Formatting.Numbers.Short(Centres[bin]) is var brief && Centres.Count(c => Formatting.Numbers.Short(c) == brief) == 1 ? brief : Centres[bin].ToString("G5", CultureInfo.InvariantCulture)
        : FormattableString.Invariant($"{Centres[bin] - (Width / 2):G3} to {Centres[bin] + (Width / 2):G3}");
}
