using System.Globalization;

namespace RlPrimitives.Notebooks.Formatting;

/// <summary>Numbers as a person reads them, whatever the culture of the host.</summary>
internal static class Numbers
{
    /// <summary>Three significant digits; n/a for what is not a number.</summary>
    public static string Short(double value)
    {
        var size = Math.Abs(value);
        return !double.IsFinite(value) ? "n/a"
            : size == 0 ? "0" // −0 too
            : size >= 1e6 ? (value / 1e6).ToString("0.##", CultureInfo.InvariantCulture) + "M"
            : size >= 1e4 ? (value / 1e3).ToString("0.#", CultureInfo.InvariantCulture) + "k"
            : size >= 100 ? value.ToString("0", CultureInfo.InvariantCulture)
            : size >= 1e-3 ? double.Parse(value.ToString("G3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)
                .ToString("0.#####", CultureInfo.InvariantCulture)
            : value.ToString("0.##e-0", CultureInfo.InvariantCulture);
    }

    /// <summary>A mean and its spread: two digits of the spread say enough, and of the mean what is not far below it (z-scores have a mean of 0, whatever its rounding left).</summary>
    public static string Spread(double mean, double deviation) => Short(Visible(mean, deviation)) + " ± "
        + Short(double.IsFinite(deviation) ? double.Parse(deviation.ToString("G2", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : deviation);

    // A mean far below its spread is rounding; without a spread every digit may mean something.
    private static double Visible(double mean, double deviation) => double.IsFinite(deviation) && Math.Abs(mean) < deviation / 1000 ? 0 : mean;

    /// <summary>A share in [0, 1] as whole percents.</summary>
    public static string Percent(double share) =>
        double.IsFinite(share) ? (100 * share).ToString("0.#", CultureInfo.InvariantCulture) + " %" : "n/a";

    /// <summary>mm:ss, or h:mm:ss from one hour on.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? FormattableString.Invariant($"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : FormattableString.Invariant($"{time.Minutes:00}:{time.Seconds:00}");

    /// <summary>Five significant digits, all that a figure can show.</summary>
    public static double Rounded(double value) => !double.IsFinite(value) || (value == Math.Truncate(value) && Math.Abs(value) < 1e12)
        ? value
        : double.Parse(value.ToString("G5", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
