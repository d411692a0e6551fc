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

    /// <summary>Points, with what is read over each.</summary>
    /// <param name="name">In the legend.</param>
    /// <param name="x">Places.</param>
    /// <param name="y">Places.</param>
    /// <param name="colour">One for all, or one for each.</param>
    /// <param name="size">Diameter in pixels: one for all, or one for each.</param>
    /// <param name="hover">One for each, escaped; null for the coordinates.</param>
    /// <param name="symbol">Plotly's name; null for a disc.</param>
    /// <param name="panel">Which pair of axes.</param>
    /// <param name="legend">Whether it is in the legend.</param>
    public static Trace Dots(
        string name, double[] x, double[] y, object colour, object size, string[]? hover = null, string? symbol = null, int panel = 1, bool legend = true) =>
        Scatter(name, x, y, panel, legend).With(
            ("mode", "markers"), ("marker", new Marker().With(("color", colour), ("size", size), ("symbol", symbol), ("line", new Line().With(("width", 0))))),
            ("hovertext", hover), ("hoverinfo", hover is null ? null : "text"));

    /// <summary>A filled polygon.</summary>
    public static Trace Area(string name, double[] x, double[] y, string colour, double opacity, int panel = 1, bool legend = true) =>
        Scatter(name, x, y, panel, legend).With(
            ("mode", "lines"), ("fill", "toself"), ("fillcolor", Palette.Pale(colour, opacity)), ("hoverinfo", "skip"), ("line", new Line().With(("color", colour), ("width", 0))));

    public static Trace Dots3D(string name, ObjectivePoint[] points, string colour, double size, string? symbol = null) =>
        Space(name, [.. points.Select(p => p.Scores)]).With(
            ("mode", "markers"), ("marker", new Marker().With(("color", colour), ("size", size), ("symbol", symbol), ("line", new Line().With(("width", 0))))),
            ("hovertext", points.Select(p => p.Hover).ToArray()), ("hoverinfo", "text"));

    /// <summary>A line from each point down to a floor: where it stands.</summary>
    public static Trace Stems(ObjectivePoint[] points, double floor, string colour) =>
        Space("stems", [.. points.SelectMany(p => (double[][])[p.Scores, [p.Scores[0], p.Scores[1], floor], [double.NaN, double.NaN, double.NaN]])]).With(
            ("mode", "lines"), ("showlegend", false), ("hoverinfo", "skip"), ("line", new Line().With(("color", Palette.Pale(colour, 0.5)), ("width", 2))));

    public static Trace Bars(string name, object x, double[] y, string colour, bool legend = true) =>
        new Trace("bar").With(("name", PlotlyText.Escape(name)), ("x", x), ("y", y), ("showlegend", legend ? null : false),
            ("marker", new Marker().With(("color", colour))));

    /// <summary>Lying bars, each from its start as long as it lasts.</summary>
    public static Trace Spans(string name, double[] rows, double[] starts, double[] lengths, string colour, string[] hover) =>
        new Trace("bar").With(("name", PlotlyText.Escape(name)), ("orientation", "h"), ("y", rows), ("base", starts), ("x", lengths), ("marker", new Marker().With(("color", colour))),
            ("hovertext", hover), ("hoverinfo", "text"));

    private static Trace Scatter(string name, double[] x, double[] y, int panel, bool legend) =>
        new Trace("scatter").With(("name", PlotlyText.Escape(name)), ("x", x), ("y", y), ("showlegend", legend ? null : false),
            ("xaxis", panel == 1 ? null : "x" + Index(panel)), ("yaxis", panel == 1 ? null : "y" + Index(panel)));

    private static Trace Space(string name, double[][] points) => new Trace("scatter3d").With(
        ("name", PlotlyText.Escape(name)), ("x", points.Select(p => p[0]).ToArray()), ("y", points.Select(p => p[1]).ToArray()), ("z", points.Select(p => p[2]).ToArray()));

    public static string Index(int panel) => panel == 1 ? "" : FormattableString.Invariant($"{panel}");
}
