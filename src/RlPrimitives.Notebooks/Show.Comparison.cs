using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

/// <summary>What the band of a comparison spans over the seeds.</summary>
public enum ComparisonBand
{
    /// <summary>From the worst seed to the best.</summary>
    MinMax,

    /// <summary>One Bessel standard deviation to either side of the mean.</summary>
    StandardDeviation,
}

public static partial class Show
{
    private const int MostNamed = 6;

    /// <summary>
    /// Methods over several seeds each: the mean of the seeds per iteration, of the reward or another measure, with a band over the seeds, as far as all seeds of a method went.
    /// A method has the same colour in every chart.
    /// </summary>
    /// <param name="runs">Name of a method → its runs, one for each seed.</param>
    /// <param name="band">What the band spans.</param>
    /// <param name="title">Replaces the title, which states where each method ended (mean ± std of its seeds, over the last iterations).</param>
    /// <param name="measure">What of a step is compared; null for the mean reward.</param>
    /// <param name="name">What it is called, unit included.</param>
    /// <exception cref="ArgumentException">There are no methods, or one has no runs or an empty one.</exception>
    public static Chart Comparison(
        IReadOnlyDictionary<string, IReadOnlyList<TrainingHistory>> runs, ComparisonBand band = ComparisonBand.MinMax, string? title = null,
        Func<TrainStep, double>? measure = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(runs);
        name ??= measure is null ? "mean reward per trajectory" : "measure";
        measure ??= step => step.RewardMean;
        if (runs.Count == 0)
        {
            throw new ArgumentException("There are no methods to compare.", nameof(runs));
        }

        string[] names = [.. runs.Keys];
        var colours = Palette.For(names);
        var most = Math.Max(20, (2 * CurvePoints / (names.Length + 1)) - (4 * names.Length));
        var stride = Thinning.Stride(runs.Values.SelectMany(r => r).Select(h => h.Count).DefaultIfEmpty(1).Max(), most);
        var (bands, lines, findings) = (new List<Trace>(), new List<Trace>(), new List<(double End, string Text)>());
        for (var i = 0; i < names.Length; i++)
        {
            var seeds = runs[names[i]];
            if (seeds.Count == 0)
            {
                throw new ArgumentException($"The method {names[i]} has no runs.", nameof(runs));
            }

            var length = seeds.Min(s => Checked(s).Count);
            var curves = seeds.Select(s => Thinning.Average([.. s.Take(length).Select(measure)], stride)).ToArray();
            var x = Thinning.Average(Iterations(seeds[0])[..length], stride);
            double[] mean = [.. x.Select((_, t) => Thinning.Mean(curves.Select(c => c[t])))];
            if (seeds.Count > 1)
            {
                var spread = x.Select((_, t) => Extent([.. curves.Select(c => c[t]).Where(double.IsFinite)], band)).ToArray();
                bands.Add(Traces.Band(names[i], x, [.. spread.Select(s => s.Low)], [.. spread.Select(s => s.High)], colours[i], legend: false, opacity: 0.15));
            }

            lines.Add(Traces.Line(names[i] + (seeds.Count > 1 ? $" ({seeds.Count} seeds)" : ""), x, mean, colours[i], Palette.DashOf(colours, i)));
            double[] ends = [.. seeds.Select(s => Ends([.. s.Take(length).Select(measure)]).Last)];
            findings.Add((Thinning.Mean(ends), $"{names[i]} " + (seeds.Count > 1 ? Spread(Thinning.Mean(ends), Deviation(ends)) : Short(ends[0]))));
        }

        title ??= (name == "mean reward per trajectory" ? "Final reward" : $"Final {name}") + EndsOf(findings) + (runs.Values.Any(r => r.Count > 1) ? $" (band: {(band == ComparisonBand.MinMax ? "worst to best seed" : "±1 std of the seeds")})" : "");
        return Chart.Of(title, Layouts.Of(title, new Panel(Thinning.IterationTitle(stride), name)), [.. bands, .. lines]);
    }

    // Many methods: the ends of their order, the rest is in the figure.
    private static string EndsOf(List<(double End, string Text)> findings) => findings.Count <= MostNamed
        ? ": " + string.Join(", ", findings.Select(f => f.Text))
        : FormattableString.Invariant($" of {findings.Count} methods: from {findings.MinBy(f => f.End).Text} to {findings.MaxBy(f => f.End).Text}");

    private static (double Low, double High) Extent(double[] values, ComparisonBand band)
    {
        if (values.Length == 0)
        {
            return (double.NaN, double.NaN);
        }

        var (mean, std) = (values.Average(), Deviation(values));
        return band == ComparisonBand.MinMax ? (values.Min(), values.Max()) : (mean - std, mean + std);
    }
}
