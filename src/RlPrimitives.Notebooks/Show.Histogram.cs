using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>How any numbers are distributed: one bar per value where values are few, else equal ranges.</summary>
    /// <param name="values">The numbers; what is not finite is left out and counted in the title.</param>
    /// <param name="axis">What they are, unit included.</param>
    /// <param name="title">What they show.</param>
    /// <exception cref="ArgumentException">There is no finite number.</exception>
    public static Chart Histogram(IReadOnlyList<double> values, string axis, string title)
    {
        ArgumentNullException.ThrowIfNull(values);
        double[] finite = [.. values.Where(double.IsFinite)];
        if (finite.Length == 0)
        {
            throw new ArgumentException($"None of the {values.Count} values is finite.", nameof(values));
        }

        var bins = Binning.Of(finite);
        title += finite.Length < values.Count ? $" ({values.Count - finite.Length} of {values.Count} not finite, left out)" : "";
        var layout = Layouts.Of(title, new Panel(axis, $"share of the {finite.Length} values", Percent: true, Categories: bins.Discrete), legend: false, height: 300)
            .With(("bargap", bins.Discrete ? 0.2 : 0.02));
        return Chart.Of(title, layout, [Bars("values", bins, finite, Palette.Blue)]);
    }
}
