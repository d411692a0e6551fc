using Plotly.NET;
using Plotly.NET.LayoutObjects;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>The kit's look: transparent ground, mid-grey text, one horizontal legend under the title, so that it reads on any theme.</summary>
internal static class Layouts
{
    private const string Grid = "rgba(128,128,128,0.25)";
    private const double Room = 632; // of a page's narrowest column, beside the margins
    private const string Clear = "rgba(0,0,0,0)";

    public static Layout Of(string title, Panel panel, bool legend = true, int height = 360, int bottom = 52) => Of(title, [panel], 1, legend, height, bottom);

    /// <summary>Panels from left to right, then down.</summary>
    public static Layout Of(string title, IReadOnlyList<Panel> panels, int columns, bool legend, int height, int bottom = 52)
    {
        var lines = PlotlyText.Wrap(title, 92);
        var layout = Base(height).With(
            ("title", TitleOf(string.Join("<br>", lines.Select(PlotlyText.Escape)))),
            ("margin", new Margin().With(("l", 64), ("r", 24), ("t", Top(lines.Length, legend, panels.Any(p => p.Heading is not null))), ("b", bottom))),
            ("showlegend", legend));
        var rows = (panels.Count + columns - 1) / columns;
        for (var i = 0; i < panels.Count; i++)
        {
            var x = Span(i % columns, columns, 0.085);
            var y = Span(rows - 1 - (i / columns), rows, 0.2);
            layout.With(("xaxis" + Traces.Index(i + 1), X(panels[i], i, x)), ("yaxis" + Traces.Index(i + 1), Y(panels[i], i, y)));
        }

        var headings = panels.Select((p, i) => (p.Heading, X: Span(i % columns, columns, 0.085).Low, Y: Span(rows - 1 - (i / columns), rows, 0.2).High))
            .Where(h => h.Heading is not null).Select(h => Heading(h.Heading!, h.X, h.Y)).ToArray();
        var drawn = height - bottom - Top(lines.Length, legend, headings.Length > 0);
        return headings.Length == 0 ? layout.With(("legend", Legend(1.02))) : layout.With(("annotations", headings), ("legend", Legend(Math.Round(1 + (24.0 / drawn), 3))));
    }

    // Pixels above the axes.
    private static int Top(int lines, bool legend, bool headings) => 18 + (lines * 19) + (legend ? 26 : 6) + (headings ? 22 : 0);

    /// <summary>A legend of several rows grows upwards, into the title: that much more room, and the drawing as high as before.</summary>
    public static Layout WithRoomForLegend(Layout layout, Trace[] traces)
    {
        if (layout.TryGetPropertyValue("showlegend")?.Value is not true || layout.TryGetPropertyValue("margin")?.Value is not Margin margin)
        {
            return layout;
        }

        // Plotly sets them in columns of the widest, where they do not fit one row.
        var widths = traces.Where(t => t.TryGetPropertyValue("showlegend")?.Value is not false && t.TryGetPropertyValue("visible")?.Value is not false)
            .Select(t => 46 + (6.2 * PlotlyText.Plain(t.TryGetPropertyValue("name")?.Value as string ?? "").Length)).ToArray();
        if (widths.Sum() <= Room)
        {
            return layout;
        }

        var columns = Math.Max(1, (int)(Room / widths.Max()));
        var more = 19 * (((widths.Length + columns - 1) / columns) - 1);
        return layout.With(
            ("margin", margin.With(("t", Convert.ToInt32(margin.TryGetPropertyValue("t")?.Value, System.Globalization.CultureInfo.InvariantCulture) + more))),
            ("height", Convert.ToInt32(layout.TryGetPropertyValue("height")?.Value, System.Globalization.CultureInfo.InvariantCulture) + more));
    }

    /// <summary>One scene of three axes.</summary>
    public static Layout Space(string title, string[] axes, int height)
    {
        var lines = PlotlyText.Wrap(title, 92);
        LinearAxis Of(string name) => Axis(name).With(
            ("gridcolor", Palette.Grey), ("zerolinecolor", Palette.Grey), ("linecolor", Palette.Grey), ("showbackground", false), ("nticks", 5));
        return Base(height).With(
            ("title", TitleOf(string.Join("<br>", lines.Select(PlotlyText.Escape)))), ("showlegend", true),
            ("margin", new Margin().With(("l", 10), ("r", 10), ("t", 44 + (lines.Length * 19)), ("b", 10))),
            ("scene", new Scene().With(("camera", From(1.55, 1.55, 1.15)), ("xaxis", Of(axes[0])), ("yaxis", Of(axes[1])), ("zaxis", Of(axes[2])))));
    }

    /// <summary>A slider below the figure that shows some traces and hides the others.</summary>
    /// <param name="prefix">Before the value in its heading.</param>
    /// <param name="labels">One for each stop.</param>
    /// <param name="active">The stop at first.</param>
    /// <param name="visible">From a stop to what is shown of all traces.</param>
    public static (string, object?)[] Slider(string prefix, string[] labels, int active, Func<int, bool[]> visible)
    {
        var steps = labels.Select((label, i) => new DynamicObj.DynamicObj().With(
            ("label", label), ("method", "restyle"), ("args", new object[] { new DynamicObj.DynamicObj().With(("visible", visible(i))) }))).ToArray();
        return
        [
            ("sliders", new[]
            {
                new DynamicObj.DynamicObj().With(
                    ("active", active), ("steps", steps), ("pad", new DynamicObj.DynamicObj().With(("t", 48))), ("bordercolor", Palette.Grey), ("bgcolor", Grid), ("tickcolor", Palette.Grey),
                    ("currentvalue", new DynamicObj.DynamicObj().With(("prefix", prefix), ("xanchor", "right")))),
            }),
        ];
    }

    private static DynamicObj.DynamicObj From(double x, double y, double z) => new DynamicObj.DynamicObj().With(
        ("eye", new DynamicObj.DynamicObj().With(("x", x), ("y", y), ("z", z))), ("center", new DynamicObj.DynamicObj().With(("x", 0), ("y", 0), ("z", -0.15))));

    /// <summary>What a figure that somebody brings gets where it says nothing itself.</summary>
    public static Layout Base(int height) => new Layout().With(
        ("height", height), ("paper_bgcolor", Clear), ("plot_bgcolor", Clear), ("colorway", Palette.Colours),
        ("font", new Font().With(("color", Palette.Grey), ("size", 12))), ("legend", Legend(1.02)), ("hovermode", "closest"),
        ("margin", new Margin().With(("l", 64), ("r", 24), ("t", 60), ("b", 52))), ("template", Template()),
        ("modebar", new DynamicObj.DynamicObj().With(("bgcolor", Clear), ("color", Grid), ("activecolor", Palette.Grey))));

    /// <summary>The look of every axis, however many a figure has.</summary>
    public static Template Template()
    {
        var axis = new LinearAxis().With(("gridcolor", Grid), ("zerolinecolor", Grid), ("linecolor", Grid), ("automargin", true));
        return new Template().With(("layout", new Layout().With(("xaxis", axis), ("yaxis", axis))));
    }

    // Few buttons: the bar lies over the end of a title.
    public static Config Config() => new Config().With(
        ("responsive", true), ("displaylogo", false), ("modeBarButtonsToRemove", new[] { "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d" }));

    public static LinearAxis Axis(string? title) => new LinearAxis().With(
        ("title", title is null ? null : new Title().With(("text", PlotlyText.Escape(title)), ("standoff", 8))));

    public static Title TitleOf(string html) => new Title().With(
        ("text", html), ("x", 0), ("xref", "paper"), ("xanchor", "left"), ("y", 1), ("yanchor", "top"), ("yref", "container"), ("pad", new Margin().With(("t", 10))),
        ("font", new Font().With(("size", 14))));

    private static Legend Legend(double y) => new Legend().With(
        ("orientation", "h"), ("x", 0), ("xanchor", "left"), ("y", y), ("yanchor", "bottom"), ("bgcolor", Clear));

    private static LinearAxis X(Panel panel, int index, (double Low, double High) domain) => Axis(panel.X).With(
        ("domain", new[] { domain.Low, domain.High }), ("anchor", index == 0 ? null : "y" + Traces.Index(index + 1)), ("tickformatstops", index == 0 && !panel.Categories && panel.XTicks is null ? Small() : null),
        ("type", panel.Categories ? "category" : null), ("range", panel.XRange is { } range ? new[] { range.Low, range.High } : null), ("showgrid", false),
        ("tickvals", Places(panel.XTicks)), ("ticktext", Labels(panel.XTicks)), ("tickangle", panel.XTicks is null ? null : 0));

    private static LinearAxis Y(Panel panel, int index, (double Low, double High) domain) => Axis(panel.Y).With(
        ("domain", new[] { domain.Low, domain.High }), ("anchor", index == 0 ? null : "x" + Traces.Index(index + 1)), ("tickformatstops", panel.HidesY || panel.Percent || panel.YTicks is not null ? null : Small()),
        ("range", panel.YRange is { } range ? new[] { range.Low, range.High } : null),
        ("rangemode", panel.FromZero ? "tozero" : null), ("ticksuffix", panel.Percent ? " %" : null), ("showticklabels", panel.HidesY ? false : null), ("nticks", index == 0 && panel.Heading is null ? null : 5),
        ("tickvals", Places(panel.YTicks)), ("ticktext", Labels(panel.YTicks)));

    // Small values as decimals or powers of ten: Plotly would write 100μ for a KL of 1e-4.
    private static DynamicObj.DynamicObj[] Small() => [new DynamicObj.DynamicObj().With(("dtickrange", new double?[] { null, 9e-4 }), ("value", "~g"))];

    private static double[]? Places((double Value, string Label)[]? ticks) => ticks?.Select(t => t.Value).ToArray();

    // A label may have several lines.
    private static string[]? Labels((double Value, string Label)[]? ticks) => ticks?.Select(t => string.Join("<br>", t.Label.Split('\n').Select(PlotlyText.Escape))).ToArray();

    private static Annotation Heading(string text, double x, double y) => new Annotation().With(
        ("text", PlotlyText.Escape(text)), ("x", x), ("y", y), ("xref", "paper"), ("yref", "paper"), ("xanchor", "left"), ("yanchor", "bottom"), ("showarrow", false));

    private static (double Low, double High) Span(int index, int count, double gap)
    {
        var width = (1 - (gap * (count - 1))) / count;
        return (index * (width + gap), (index * (width + gap)) + width);
    }
}
