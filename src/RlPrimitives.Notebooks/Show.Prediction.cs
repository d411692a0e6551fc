using Plotly.NET;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>
    /// Observed numbers beside predicted ones: the prediction dashed with its tolerance as a band, the observation solid with a dot for each measurement. The title gives the largest
    /// difference and says whether the prediction was met everywhere.
    /// </summary>
    /// <param name="x">What was varied, [n], rising.</param>
    /// <param name="predicted">Written down before, [n]; what is not finite is left out.</param>
    /// <param name="observed">Measured, [n]; what is not finite is left out.</param>
    /// <param name="tolerance">Half-width of the prediction; 0 gives no verdict.</param>
    /// <param name="xTitle">Title of the x axis, unit included.</param>
    /// <param name="yTitle">Title of the y axis, unit included.</param>
    /// <param name="title">What was measured and in which setting; the finding follows it.</param>
    /// <exception cref="ArgumentException">The lengths differ or are 0.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or not finite.</exception>
    public static Chart Prediction(
        IReadOnlyList<double> x, IReadOnlyList<double> predicted, IReadOnlyList<double> observed, double tolerance, string xTitle, string yTitle, string title)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(predicted);
        ArgumentNullException.ThrowIfNull(observed);
        if (x.Count == 0 || x.Count != predicted.Count || x.Count != observed.Count)
        {
            throw new ArgumentException($"There are {x.Count} places, {predicted.Count} predictions and {observed.Count} observations: give as many of each, at least one.", nameof(observed));
        }

        if (!(tolerance >= 0) || double.IsInfinity(tolerance))
        {
            throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "The tolerance must be finite and at least 0.");
        }

        double[] places = [.. x], wanted = [.. predicted], seen = [.. observed];
        var largest = wanted.Zip(seen, (p, o) => Math.Abs(o - p)).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Max();
        title += $": at most {Short(largest)} from the prediction" + (tolerance == 0 ? "" : $"; predicted within {Short(tolerance)}: {(largest <= tolerance ? "met" : "not met")}");
        var traces = new List<Trace>();
        if (tolerance > 0)
        {
            traces.Add(Traces.Band("tolerance", places, [.. wanted.Select(p => p - tolerance)], [.. wanted.Select(p => p + tolerance)], Palette.Grey, legend: false));
        }

        traces.Add(Traces.Line("observed", places, seen, Palette.Blue).With(
            ("mode", "lines+markers"), ("marker", new Plotly.NET.TraceObjects.Marker().With(("color", Palette.Blue), ("size", 8.0)))));
        // On top, so that it is seen where it was met exactly.
        traces.Add(Traces.Line("predicted" + (tolerance > 0 ? " ± " + Short(tolerance) : ""), places, wanted, Palette.Grey, "dash", 1.5));
        return Chart.Of(title, Layouts.Of(title, new Panel(xTitle, yTitle)), traces);
    }
}
