using Plotly.NET;
using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const string PredictedPrefix = "predicted ";
    private const int MostCounted = 12;

    /// <summary>Curves over common x values, one line each: a formula drawn, a measurement against its setting.</summary>
    /// <param name="title">States the finding and the setting.</param>
    /// <param name="x">Title of the x axis, with its unit, and its values, [n].</param>
    /// <param name="y">Title of the y axis, with its unit.</param>
    /// <param name="curves">Name and values of each curve, [n]; what is not finite is a gap. "predicted NAME" is dashed, in the colour of NAME.</param>
    /// <exception cref="ArgumentException">There are no curves, or one has another length than the x values.</exception>
    public static Chart Curves(string title, (string Title, double[] Values) x, string y, params (string Name, double[] Values)[] curves)
    {
        ArgumentNullException.ThrowIfNull(curves);
        return Curves(title, x, y, curves.Select(c => new KeyValuePair<string, IReadOnlyList<double[]>>(c.Name, [c.Values])).ToArray(), ComparisonBand.MinMax);
    }

    /// <summary>Curves that were each measured several times, as with several seeds: the mean of the repetitions, with a band over them.</summary>
    /// <param name="title">States the finding and the setting.</param>
    /// <param name="x">Title of the x axis, with its unit, and its values, [n].</param>
    /// <param name="y">Title of the y axis, with its unit.</param>
    /// <param name="curves">Name of each curve → its repetitions, [n] each. "predicted NAME" is dashed, in the colour of NAME.</param>
    /// <param name="band">What the band spans.</param>
    /// <exception cref="ArgumentException">There are no curves, or one has no repetitions or another length than the x values.</exception>
    public static Chart Curves(
        string title, (string Title, double[] Values) x, string y, IReadOnlyDictionary<string, IReadOnlyList<double[]>> curves, ComparisonBand band = ComparisonBand.MinMax)
    {
        ArgumentNullException.ThrowIfNull(curves);
        return Curves(title, x, y, curves.ToArray(), band);
    }

    private static Chart Curves(
        string title, (string Title, double[] Values) x, string y, KeyValuePair<string, IReadOnlyList<double[]>>[] curves, ComparisonBand band)
    {
        ArgumentNullException.ThrowIfNull(title);
        if (curves.Length == 0)
        {
            throw new ArgumentException("There are no curves to draw.", nameof(curves));
        }

        if (curves.FirstOrDefault(c => c.Value.Count == 0).Key is { } empty)
        {
            throw new ArgumentException($"The curve {empty} has no repetitions.", nameof(curves));
        }

        if (curves.FirstOrDefault(c => c.Value.Any(v => v.Length != x.Values.Length)) is { Key: { } name, Value: var lengths })
        {
            throw new ArgumentException($"The curve {name} has {string.Join(", ", lengths.Select(v => v.Length).Distinct())} points for {x.Values.Length} x values.", nameof(curves));
        }

        var stride = Thinning.Stride(x.Values.Length, Math.Max(40, 2 * CurvePoints / (curves.Length + 1)));
        var places = Thinning.Average(x.Values, stride);
        var subjects = Array.ConvertAll(curves, c => c.Key.StartsWith(PredictedPrefix, StringComparison.OrdinalIgnoreCase) ? c.Key[PredictedPrefix.Length..] : c.Key);
        var known = subjects.Distinct().ToArray(); // methods have their own colours; other names take the palette from its start, where neighbours differ most
        var colours = known.Zip(known.Length <= Palette.Colours.Length && !known.Any(Palette.Knows) ? Palette.Colours : Palette.For(known)).ToDictionary(p => p.First, p => p.Second);
        List<Trace> bands = [], lines = [];
        for (var i = 0; i < curves.Length; i++)
        {
            var (label, repetitions) = curves[i];
            var drawn = repetitions.Select(v => Thinning.Average(v, stride)).ToArray();
            if (drawn.Length > 1)
            {
                bands.Add(BandOver(label, places, drawn, band, colours[subjects[i]]));
            }

            var dash = subjects[i].Length < label.Length ? "dash" : null;
            lines.Add(Traces.Line(label + (drawn.Length > 1 ? $" ({drawn.Length} seeds)" : ""), places, [.. places.Select((_, t) => Thinning.Mean(drawn.Select(v => v[t])))], colours[subjects[i]], dash));
        }

        var counted = places.Length <= MostCounted && places.All(double.IsInteger) && places.Zip(places.Skip(1)).All(p => p.Second - p.First == 1);
        (double, string)[]? ticks = counted ? [.. places.Select(p => (p, p.ToString("0", System.Globalization.CultureInfo.InvariantCulture)))] : null; // no half letters
        return Chart.Of(title, Layouts.Of(title, new Panel(stride == 1 ? x.Title : FormattableString.Invariant($"{x.Title} (each point averages {stride})"), y, XTicks: ticks), curves.Length > 1), [.. bands, .. lines]);
    }

    private static Trace BandOver(string name, double[] x, double[][] repetitions, ComparisonBand band, string colour)
    {
        var spread = x.Select((_, t) => Extent([.. repetitions.Select(c => c[t]).Where(double.IsFinite)], band)).ToArray();
        return Traces.Band(name, x, [.. spread.Select(s => s.Low)], [.. spread.Select(s => s.High)], colour, legend: false, opacity: 0.15);
    }
}
