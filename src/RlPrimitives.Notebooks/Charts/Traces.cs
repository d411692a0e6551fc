using DynamicObj;
using Plotly.NET;
using Plotly.NET.TraceObjects;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>The few kinds of series that the kit draws, as Plotly.NET traces.</summary>
internal static class Traces
{
    /// <summary>Sets properties of a Plotly object; null leaves one out.</summary>
    public static T With<T>(this T target, params ReadOnlySpan<(string Name, object? Value)> properties)
        where T : DynamicObj.DynamicObj
    {
        foreach (var (name, value) in properties)
        {
            if (value is not null)
            {
                target.SetProperty(name, value);
            }
        }

        return target;
    }

    public static Trace Line(string name, double[] x, double[] y, string colour, string? dash = null, double width = 2, int panel = 1, bool legend = true) =>
        Scatter(name, x, y, panel, legend).With(
            ("mode", x.Length == 1 ? "markers" : "lines"),
            ("line", new Line().With(("color", colour), ("width", width), ("dash", dash))),
            ("marker", x.Length == 1 ? new Marker().With(("color", colour)) : null));

    /// <summary>The area between two curves; points where either is not finite are left out.</summary>
    public static Trace Band(string name, double[] x, double[] low, double[] high, string colour, int panel = 1, bool legend = true, double opacity = 0.2)
    {
        var there = Enumerable.Range(0, x.Length).Where(i => double.IsFinite(low[i]) && double.IsFinite(high[i])).ToArray();
        var back = there.Reverse().ToArray();
        return Scatter(name, [.. there.Select(i => x[i]), .. back.Select(i => x[i])], [.. there.Select(i => high[i]), .. back.Select(i => low[i])], panel, legend)
            .With(("mode", "lines"), ("fill", "toself"), ("fillcolor", Palette.Pale(colour, opacity)), ("hoverinfo", "skip"),
                ("line", new Line().With(("color", colour), ("width", 0))));
    }

    public static Trace Bars(string name, object x, double[] y, string colour, bool legend = true) =>
        new Trace("bar").With(("name", PlotlyText.Escape(name)), ("x", x), ("y", y), ("showlegend", legend ? null : false),
            ("marker", new Marker().With(("color", colour))));

    private static Trace Scatter(string name, double[] x, double[] y, int panel, bool legend) =>
        new Trace("scatter").With(("name", PlotlyText.Escape(name)), ("x", x), ("y", y), ("showlegend", legend ? null : false),
            ("xaxis", panel == 1 ? null : "x" + Index(panel)), ("yaxis", panel == 1 ? null : "y" + Index(panel)));

    public static string Index(int panel) => panel == 1 ? "" : FormattableString.Invariant($"{panel}");
}
