using System.Text.Json.Nodes;
using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>
/// A Plotly figure as a static drawing, for readers whose viewer runs no script: lines, dots, areas, bars and histograms on one or several pairs
/// of axes or in a scene of three, with ticks, titles, legend and texts. What a slider hides at first is left out. Other kinds of series are named, not drawn.
/// </summary>
internal static class SvgFigure
{
    private const double Width = 720;

    public static string Draw(JsonObject figure)
    {
        var layout = figure["layout"];
        // A drawing has no use for the room of a slider.
        var slider = layout.At("sliders").Items().Count > 0 ? Math.Max(0, layout.At("margin", "b").Number(52) - 52) : 0;
        var height = layout.At("height").Number(360) - slider;
        double left = layout.At("margin", "l").Number(64), right = Width - layout.At("margin", "r").Number(24);
        double top = layout.At("margin", "t").Number(60), bottom = height - layout.At("margin", "b").Number(52) + slider;
        var axes = new Dictionary<string, SvgAxis>();
        SvgAxis Axis(string name) => axes.TryGetValue(name, out var known) ? known : axes[name] = name[0] == 'x'
            ? new SvgAxis(layout.At("xaxis" + name[1..]), name, left, right)
            : new SvgAxis(layout.At("yaxis" + name[1..]), name, bottom, top);

        var shown = figure["data"].Items().OfType<JsonObject>().Where(t => t["visible"] is not JsonValue v || (v.TryGetValue(out bool visible) && visible)).ToArray();
        var traces = shown.Select((trace, i) => new SvgTrace(
            trace, Axis(trace["xaxis"].Text() ?? "x"), Axis(trace["yaxis"].Text() ?? "y"), Palette.Colours[i % Palette.Colours.Length])).ToArray();
        var svg = new SvgWriter(Width, height);
        foreach (var trace in traces.Where(t => t.IsDrawn))
        {
            trace.Measure();
        }

        foreach (var axis in axes.Values)
        {
            axis.Fit(axis.Name[0] == 'y' || traces.Any(t => t.X == axis && t.NeedsRoom) ? 0.05 : 0);
        }

        if (shown.Any(t => t["type"].Text() == "scatter3d"))
        {
            new SvgSpace(layout.At("scene"), [.. shown.Where(t => t["type"].Text() == "scatter3d")]).Draw(svg, left, right, top, bottom);
        }

        foreach (var (x, y) in traces.Where(t => t.IsDrawn).Select(t => (t.X, t.Y)).Distinct())
        {
            DrawAxes(svg, x, y);
        }

        DrawTraces(svg, traces, layout.At("barmode").Text() == "overlay", layout.At("bargap").Number());
        var lines = PlotlyText.Lines(layout.Title());
        for (var i = 0; i < lines.Length; i++)
        {
            svg.Text(left, 22 + (i * 18), lines[i], 14);
        }

        // As Plotly does: one series alone has a legend where one is asked for.
        SvgTrace[] named = [.. traces.Where(t => t.InLegend && t.Name.Length > 0)];
        if (layout.At("showlegend") is JsonValue legend ? legend.GetValue<bool>() : named.Length > 1)
        {
            DrawLegend(svg, named, left, right, top - ((layout.At("legend", "y").Number(1.02) - 1) * (bottom - top)) - 8);
        }

        foreach (var note in layout.At("annotations").Items())
        {
            // On paper a place is a share of the drawing, on an axis a value (a label's is its index).
            double At(string name, double from, double to) => note.At(name + "ref").Text() == "paper"
                ? from + (note.At(name).Number(0) * (to - from))
                : axes.TryGetValue(note.At(name + "ref").Text() ?? name, out var axis) ? axis.Place(note.At(name).Number(0)) : from;
            var anchor = note.At("xanchor").Text() switch { "left" => "start", "right" => "end", _ => "middle" };
            var drop = note.At("yanchor").Text() switch { "top" => 14, "middle" => 4, _ => -5 };
            svg.Text(
                At("x", left, right) + note.At("xshift").Number(0), At("y", bottom, top) + drop - note.At("yshift").Number(0), PlotlyText.Plain(note.At("text").Text() ?? ""),
                note.At("font", "size").Number(12), anchor, colour: note.At("font", "color").Text());
        }

        var strange = traces.Where(t => !t.IsDrawn && t.Kind != "scatter3d").Select(t => t.Kind).Distinct().ToArray();
        if (strange.Length > 0)
        {
            svg.Text((left + right) / 2, (top + bottom) / 2, $"Open the notebook to see this part ({string.Join(", ", strange)}).", 12, "middle");
        }

        return svg.ToString();
    }

    private static void DrawAxes(SvgWriter svg, SvgAxis x, SvgAxis y)
    {
        foreach (var (value, label) in y.Ticks(42, least: 4))
        {
            svg.Line(x.Start, y.Place(value), x.End, y.Place(value), Palette.Grey, opacity: 0.25);
            svg.Text(x.Start - 6, y.Place(value) + 4, PlotlyText.Plain(label), 11, "end");
        }

        var rows = 1;
        foreach (var (value, label) in x.Ticks(70, least: 3))
        {
            svg.Line(x.Place(value), y.Start, x.Place(value), y.Start + 4, Palette.Grey, opacity: 0.5);
            var lines = PlotlyText.Lines(label);
            rows = Math.Max(rows, lines.Length);
            for (var i = 0; i < lines.Length; i++)
            {
                svg.Text(x.Place(value), y.Start + 17 + (14 * i), lines[i], 11, "middle");
            }
        }

        svg.Line(x.Start, y.Start, x.End, y.Start, Palette.Grey, opacity: 0.5);
        svg.Text((x.Start + x.End) / 2, y.Start + 36 + (14 * (rows - 1)), x.Title, 12, "middle");
        svg.Text(x.Start - 46, (y.Start + y.End) / 2, y.Title, 12, "middle", upright: true);
    }

    private static void DrawTraces(SvgWriter svg, SvgTrace[] traces, bool overlay, double gap)
    {
        SvgTrace? before = null;
        foreach (var trace in traces.Where(t => t.IsDrawn))
        {
            if (trace.IsBar)
            {
                if (trace.IsSideways)
                {
                    trace.DrawSpans(svg);
                    continue;
                }

                var beside = overlay ? [trace] : traces.Where(t => t.IsBar && t.X == trace.X && t.Y == trace.Y).ToArray();
                var share = (double.IsNaN(gap) ? overlay ? 0.95 : 0.8 : 1 - gap) / beside.Length;
                trace.DrawBars(svg, (Array.IndexOf(beside, trace) - ((beside.Length - 1) / 2.0)) * share, share);
            }
            else
            {
                trace.DrawLine(svg, before);
            }

            before = trace;
        }
    }

    private static void DrawLegend(SvgWriter svg, SvgTrace[] traces, double left, double right, double y)
    {
        List<List<SvgTrace>> rows = [[]];
        var x = left;
        foreach (var trace in traces)
        {
            if (x > left && x + Needed(trace) > right)
            {
                rows.Add([]);
                x = left;
            }

            rows[^1].Add(trace);
            x += Needed(trace);
        }

        y -= 16 * (rows.Count - 1); // it grows upwards
        foreach (var row in rows)
        {
            x = left;
            foreach (var trace in row)
            {
                trace.DrawSwatch(svg, x, y);
                svg.Text(x + 26, y + 4, trace.Name, 11);
                x += Needed(trace);
            }

            y += 16;
        }

        static double Needed(SvgTrace trace) => 42 + SvgWriter.Width(trace.Name, 11);
    }
}
