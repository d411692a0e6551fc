using System.Text;
using System.Text.Json.Nodes;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>A scene of three axes, looked at from the corner where everything is largest, without perspective.</summary>
internal sealed class SvgSpace
{
    private static readonly double Sideways = Math.Sqrt(0.5), Down = Math.Sqrt(1.0 / 6), Up = Math.Sqrt(2.0 / 3);
    private readonly JsonNode? scene;
    private readonly JsonObject[] traces;
    private readonly (double Low, double High)[] ranges = [Nothing, Nothing, Nothing];
    private double middle, centre, unit;

    public SvgSpace(JsonNode? scene, JsonObject[] traces)
    {
        (this.scene, this.traces) = (scene, traces);
        foreach (var point in traces.SelectMany(Points))
        {
            for (var k = 0; k < 3; k++)
            {
                ranges[k] = double.IsFinite(point[k]) ? (Math.Min(ranges[k].Low, point[k]), Math.Max(ranges[k].High, point[k])) : ranges[k];
            }
        }

        for (var k = 0; k < 3; k++)
        {
            ranges[k] = ranges[k].High > ranges[k].Low ? ranges[k] : (ranges[k].Low - 0.5, ranges[k].Low + 0.5);
        }
    }

    private static (double, double) Nothing => (double.PositiveInfinity, double.NegativeInfinity);

    public void Draw(SvgWriter svg, double left, double right, double top, double bottom)
    {
        // A cube seen so is 2·√½ wide and 2·√⅙ + √⅔ high; room is left for the names of the axes.
        unit = Math.Min((right - left - 160) / (2 * Sideways), (bottom - top - 50) / ((2 * Down) + Up));
        (middle, centre) = ((left + right) / 2, top + 10 + (unit * Up));
        DrawBox(svg);
        foreach (var trace in traces)
        {
            DrawTrace(svg, trace);
        }
    }

    private void DrawBox(SvgWriter svg)
    {
        // Floor, and the two walls behind: those where x or y is least.
        foreach (var face in (double[][][])[[[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1]]])
        {
            svg.Path(string.Concat(face.Select((corner, i) => Step(i == 0 ? 'M' : 'L', corner))) + "Z", Palette.Pale(Palette.Grey, 0.4));
        }

        Name(svg, 0, [0, 1, 0], [1, 1, 0], -1);
        Name(svg, 1, [1, 0, 0], [1, 1, 0], +1);
        Name(svg, 2, [0, 1, 0], [0, 1, 1], 0);
    }

    private void Name(SvgWriter svg, int axis, double[] from, double[] to, int side)
    {
        var (x1, y1) = Project(from);
        var (x2, y2) = Project(to);
        var title = PlotlyText.Plain(scene.At("xyz"[axis] + "axis").Title());
        if (side == 0)
        {
            var right = x1 + 8;
            svg.Text(right, y1 + 4, Numbers.Short(ranges[axis].Low), 11);
            svg.Text(right, y2 + 4, Numbers.Short(ranges[axis].High), 11);
            svg.Text(right, (y1 + y2) / 2, title, 12);
            return;
        }

        var anchor = side > 0 ? "end" : "start";
        svg.Text(x1 + (10 * -side), y1 + 16, Numbers.Short(ranges[axis].Low), 11, anchor);
        svg.Text(x2 + (14 * -side), y2 + 16, Numbers.Short(ranges[axis].High), 11, anchor);
        svg.Text(((x1 + x2) / 2) + (22 * -side), ((y1 + y2) / 2) + 22, title, 12, anchor);
    }

    private void DrawTrace(SvgWriter svg, JsonObject trace)
    {
        var mode = trace["mode"].Text() ?? "lines+markers";
        var path = new StringBuilder();
        var pen = false;
        foreach (var point in Points(trace))
        {
            pen &= point.All(double.IsFinite);
            if (point.All(double.IsFinite))
            {
                path.Append(Step(pen && mode.Contains("lines", StringComparison.Ordinal) ? 'L' : 'M', Share(point)));
                path.Append(mode.Contains("lines", StringComparison.Ordinal) ? "" : "h0");
                pen = true;
            }
        }

        if (mode.Contains("lines", StringComparison.Ordinal))
        {
            svg.Path(path.ToString(), trace.At("line", "color").Text() ?? Palette.Grey, trace.At("line", "width").Number(2));
        }
        else
        {
            svg.Dots(path.ToString(), trace.At("marker", "color").Text() ?? Palette.Grey, trace.At("marker", "size").Number(6) + 1);
        }
    }

    private static IEnumerable<double[]> Points(JsonObject trace)
    {
        IReadOnlyList<JsonNode?> x = trace["x"].Items(), y = trace["y"].Items(), z = trace["z"].Items();
        return Enumerable.Range(0, Math.Min(x.Count, Math.Min(y.Count, z.Count))).Select(i => (double[])[x[i].Number(), y[i].Number(), z[i].Number()]);
    }

    private double[] Share(double[] point) => [.. point.Select((v, k) => (v - ranges[k].Low) / (ranges[k].High - ranges[k].Low))];

    // x comes forward to the left, y forward to the right, z rises.
    private (double X, double Y) Project(double[] share) =>
        (middle + (unit * Sideways * (share[1] - share[0])), centre + (unit * ((Down * (share[0] + share[1])) - (Up * share[2]))));

    private string Step(char command, double[] share)
    {
        var (x, y) = Project(share);
        return FormattableString.Invariant($"{command}{x:0.#} {y:0.#}");
    }
}
