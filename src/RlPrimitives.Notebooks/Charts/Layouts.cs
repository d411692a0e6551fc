using Plotly.NET;
using Plotly.NET.LayoutObjects;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>The kit's look: transparent ground, mid-grey text, one horizontal legend under the title, so that it reads on any theme.</summary>
internal static class Layouts
{
    private const string Grid = "rgba(128,128,128,0.25)";
    private const string Clear = "rgba(0,0,0,0)";

    public static Layout Of(string title, Panel panel, bool legend = true, int height = 360) => Of(title, [panel], 1, legend, height);

    /// <summary>Panels from left to right, then down.</summary>
    public static Layout Of(string title, IReadOnlyList<Panel> panels, int columns, bool legend, int height)
    {
        var lines = PlotlyText.Wrap(title, 92);
        var layout = Base(height).With(
            ("title", TitleOf(string.Join("<br>", lines.Select(PlotlyText.Escape)))),
            ("margin", new Margin().With(("l", 64), ("r", 24), ("t", 18 + (lines.Length * 19) + (legend ? 26 : 6) + (panels.Any(p => p.Heading is not null) ? 22 : 0)), ("b", 52))),
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
        return headings.Length == 0 ? layout.With(("legend", Legend(1.02))) : layout.With(("annotations", headings), ("legend", Legend(1.09)));
    }

    /// <summary>One scene of three axes.</summary>
    public static Layout Space(string title, string[] axes, int height)
    {
        var lines = PlotlyText.Wrap(title, 92);
        LinearAxis Of(string name) => Axis(name).With(
            ("gridcolor", Grid), ("zerolinecolor", Grid), ("linecolor", Grid), ("showbackground", false), ("automargin", null), ("nticks", 5));
        return Base(height).With(
            ("title", TitleOf(string.Join("<br>", lines.Select(PlotlyText.Escape)))), ("showlegend", true),
            ("margin", new Margin().With(("l", 10), ("r", 10), ("t", 44 + (lines.Length * 19)), ("b", 10))),
            ("scene", new Scene().With(("xaxis", Of(axes[0])), ("yaxis", Of(axes[1])), ("zaxis", Of(axes[2])))));
    }

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

    public static Config Config() => new Config().With(("responsive", true), ("displaylogo", false));

    public static LinearAxis Axis(string? title) => new LinearAxis().With(
        ("title", title is null ? null : new Title().With(("text", PlotlyText.Escape(title)), ("standoff", 8))));

    public static Title TitleOf(string html) => new Title().With(
        ("text", html), ("x", 0), ("xref", "paper"), ("xanchor", "left"), ("y", 1), ("yanchor", "top"), ("yref", "container"), ("pad", new Margin().With(("t", 10))),
        ("font", new Font().With(("size", 14))));

    private static Legend Legend(double y) => new Legend().With(
        ("orientation", "h"), ("x", 0), ("xanchor", "left"), ("y", y), ("yanchor", "bottom"), ("bgcolor", Clear));

    private static LinearAxis X(Panel panel, int index, (double Low, double High) domain) => Axis(panel.X).With(
        ("domain", new[] { domain.Low, domain.High }), ("anchor", index == 0 ? null : "y" + Traces.Index(index + 1)),
        ("type", panel.Categories ? "category" : null), ("range", panel.XRange is { } range ? new[] { range.Low, range.High } : null), ("showgrid", false));

    private static LinearAxis Y(Panel panel, int index, (double Low, double High) domain) => Axis(panel.Y).With(
        ("domain", new[] { domain.Low, domain.High }), ("anchor", index == 0 ? null : "x" + Traces.Index(index + 1)),
        ("range", panel.YRange is { } range ? new[] { range.Low, range.High } : null),
        ("rangemode", panel.FromZero ? "tozero" : null), ("ticksuffix", panel.Percent ? " %" : null), ("nticks", index == 0 && panel.Heading is null ? null : 5));

    private static Annotation Heading(string text, double x, double y) => new Annotation().With(
        ("text", PlotlyText.Escape(text)), ("x", x), ("y", y), ("xref", "paper"), ("yref", "paper"), ("xanchor", "left"), ("yanchor", "bottom"), ("showarrow", false));

    private static (double Low, double High) Span(int index, int count, double gap)
    {
        var width = (1 - (gap * (count - 1))) / count;
        return (index * (width + gap), (index * (width + gap)) + width);
    }
}
