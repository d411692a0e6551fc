using System.Text;
using System.Text.Json.Nodes;
using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>One series of a figure, its values read on its axes.</summary>
internal sealed class SvgTrace
{
    private readonly JsonObject trace;
    private readonly string colour;

    public SvgTrace(JsonObject trace, SvgAxis x, SvgAxis y, string colour)
    {
        (this.trace, X, Y) = (trace, x, y);
        Kind = trace["type"].Text() ?? "scatter";
        this.colour = trace.At("line", "color").Text() ?? trace.At("marker", "color").Text() ?? (trace.At("marker", "color").Items() is [var first, ..] ? first.Text() : null) ?? colour;
        IReadOnlyList<JsonNode?> xs = trace["x"].Items(), ys = trace["y"].Items();
        if (Kind == "histogram" && ys.Count == 0)
        {
            var values = xs.Select(v => v.Number()).Where(double.IsFinite).ToArray();
            var bins = values.Length == 0 ? new Binning([], 1, true) : Binning.Of(values);
            Points = [.. bins.Centres.Zip(bins.Percent(values), (c, p) => (c, p / 100 * values.Length))];
        }
        else
        {
            var count = Math.Max(xs.Count, ys.Count);
            Points = [.. Enumerable.Range(0, count).Select(i => (
                xs.Count == 0 ? i : i < xs.Count ? x.Read(xs[i]) : double.NaN,
                ys.Count == 0 ? i : i < ys.Count ? y.Read(ys[i]) : double.NaN))];
        }
    }

    public string Kind { get; }

    public SvgAxis X { get; }

    public SvgAxis Y { get; }

    public (double X, double Y)[] Points { get; }

    public bool IsBar => Kind is "bar" or "histogram";

    /// <summary>Bars that lie: each from its base, as long as its x.</summary>
    public bool IsSideways => Kind == "bar" && trace["orientation"].Text() == "h";

    public bool IsDrawn => Kind is "scatter" or "scattergl" or "bar" or "histogram";

    /// <summary>Dots and bars would touch the frame.</summary>
    public bool NeedsRoom => IsBar || Mode.Contains("markers", StringComparison.Ordinal);

    public string Name => PlotlyText.Plain(trace["name"].Text() ?? "");

    public bool InLegend => (IsDrawn || Kind == "scatter3d") && (trace["showlegend"]?.GetValue<bool>() ?? true);

    private string Mode => trace["mode"].Text() ?? "lines+markers";

    private string? Fill => trace["fill"].Text() is null or "none" ? null : trace["fillcolor"].Text() ?? Pale();

    public void Measure()
    {
        if (IsSideways)
        {
            for (var i = 0; i < Points.Length; i++)
            {
                X.Include(Base(i));
                X.Include(Base(i) + Points[i].X);
                Y.Include(Points[i].Y - 0.5);
                Y.Include(Points[i].Y + 0.5);
            }

            return;
        }

        foreach (var (x, y) in Points)
        {
            X.Include(x);
            Y.Include(y);
        }

        if (IsBar)
        {
            Y.Include(0);
            Y.StartsAtZero = true;
            foreach (var (index, reach) in Reaches())
            {
                Y.Include(Points[index].Y + reach.Up);
                Y.Include(Points[index].Y - reach.Down);
            }

            X.Include(Points.Select(p => p.X).Where(double.IsFinite).DefaultIfEmpty(0).Min() - (Gap() / 2));
            X.Include(Points.Select(p => p.X).Where(double.IsFinite).DefaultIfEmpty(0).Max() + (Gap() / 2));
        }
    }

    /// <param name="svg">Where to draw.</param>
    /// <param name="before">The series drawn before, which an area may reach down to.</param>
    public void DrawLine(SvgWriter svg, SvgTrace? before)
    {
        if (Fill is { } fill)
        {
            var back = trace["fill"].Text() switch
            {
                "tozeroy" => Points.Length == 0 ? [] : [(Points[^1].X, 0), (Points[0].X, 0)],
                "tonexty" => before?.Points.Reverse() ?? [],
                _ => Enumerable.Empty<(double, double)>(),
            };
            svg.Path(PathOf([.. Points, .. back], closed: true), null, fill: fill);
        }

        if (Mode.Contains("lines", StringComparison.Ordinal))
        {
            svg.Path(PathOf(Points, closed: false), colour, trace.At("line", "width").Number(2), trace.At("line", "dash").Text());
        }

        if (Mode.Contains("markers", StringComparison.Ordinal))
        {
            DrawMarks(svg);
        }
    }

    /// <summary>Lying bars, all in one path.</summary>
    public void DrawSpans(SvgWriter svg)
    {
        var path = new StringBuilder();
        var height = Math.Max(1, Math.Min(0.8 * Y.Unit, 18));
        for (var i = 0; i < Points.Length; i++)
        {
            double from = X.Place(Base(i)), to = X.Place(Base(i) + Points[i].X);
            path.Append(FormattableString.Invariant($"M{from:0.#} {Y.Place(Points[i].Y) - (height / 2):0.#}H{Math.Max(to, from + 0.5):0.#}v{height:0.#}H{from:0.#}Z"));
        }

        svg.Path(path.ToString(), null, fill: colour);
    }

    /// <param name="svg">Where to draw.</param>
    /// <param name="offset">Place among the series that share a position, as a share of their distance, −0.5 to 0.5.</param>
    /// <param name="share">Width, as a share of the distance of two positions.</param>
    public void DrawBars(SvgWriter svg, double offset, double share)
    {
        var width = Math.Max(1, Gap() * X.Unit * share);
        var reaches = Reaches().ToDictionary(r => r.Index, r => r.Reach);
        var labels = trace["text"].Items();
        var opacity = trace["opacity"].Number(trace.At("marker", "opacity").Number(1));
        for (var i = 0; i < Points.Length; i++)
        {
            if (!double.IsFinite(Points[i].X) || !double.IsFinite(Points[i].Y))
            {
                continue;
            }

            double centre = X.Place(Points[i].X) + (offset * Gap() * X.Unit), top = Y.Place(Points[i].Y), ground = Y.Place(0);
            svg.Rect(centre - (width / 2), Math.Min(top, ground), width, Math.Abs(ground - top), colour, opacity);
            if (reaches.TryGetValue(i, out var reach))
            {
                svg.Path(FormattableString.Invariant(
                    $"M{centre:0.#} {Y.Place(Points[i].Y - reach.Down):0.#}V{Y.Place(Points[i].Y + reach.Up):0.#}m-4 0h8M{centre - 4:0.#} {Y.Place(Points[i].Y - reach.Down):0.#}h8"), Palette.Grey, 1.5);
                top = Y.Place(Points[i].Y + reach.Up);
            }

            if (i < labels.Count && labels[i].Text() is { Length: > 0 } label)
            {
                svg.Text(centre, top - 4, PlotlyText.Plain(label), 11, "middle");
            }
        }
    }

    public void DrawSwatch(SvgWriter svg, double x, double y)
    {
        if (IsBar)
        {
            svg.Rect(x, y - 5, 20, 10, colour);
        }
        else if (Fill is { } fill)
        {
            svg.Rect(x, y - 5, 20, 10, fill);
        }
        else if (!Mode.Contains("lines", StringComparison.Ordinal))
        {
            svg.Dots(FormattableString.Invariant($"M{x + 10:0.#} {y:0.#}h0"), colour, 8);
        }
        else
        {
            svg.Path(FormattableString.Invariant($"M{x:0.#} {y:0.#}h20"), colour, trace.At("line", "width").Number(2), trace.At("line", "dash").Text());
        }
    }

    // Marks of one colour, size and symbol are one path.
    private void DrawMarks(SvgWriter svg)
    {
        var every = Thinning.Stride(Points.Length, 600);
        IReadOnlyList<JsonNode?> colours = trace.At("marker", "color").Items(), sizes = trace.At("marker", "size").Items(), symbols = trace.At("marker", "symbol").Items();
        var marks = Points.Select((p, i) => (p.X, p.Y, Index: i)).Where(p => p.Index % every == 0 && double.IsFinite(p.X) && double.IsFinite(p.Y)).GroupBy(p => (
            Colour: p.Index < colours.Count ? colours[p.Index].Text() ?? colour : trace.At("marker", "color").Text() ?? colour,
            Size: p.Index < sizes.Count ? sizes[p.Index].Number(6) : trace.At("marker", "size").Number(6),
            Symbol: p.Index < symbols.Count ? symbols[p.Index].Text() : trace.At("marker", "symbol").Text()));
        foreach (var kind in marks)
        {
            var half = kind.Key.Size / 2;
            var path = new StringBuilder();
            foreach (var (x, y, _) in kind)
            {
                path.Append(FormattableString.Invariant($"M{X.Place(x):0.#} {Y.Place(y):0.#}")).Append(Stroke(kind.Key.Symbol, half));
            }

            if (kind.Key.Symbol is null or "circle")
            {
                svg.Dots(path.ToString(), kind.Key.Colour, kind.Key.Size);
            }
            else
            {
                var hollow = kind.Key.Symbol is "x" or "cross" || kind.Key.Symbol.EndsWith("open", StringComparison.Ordinal);
                svg.Path(path.ToString(), hollow ? kind.Key.Colour : null, 2, fill: hollow ? null : kind.Key.Colour);
            }
        }
    }

    // From the middle of the mark.
    private static string Stroke(string? symbol, double half) => symbol switch
    {
        null or "circle" => "h0",
        "x" => FormattableString.Invariant($"m{-half:0.#} {-half:0.#}l{2 * half:0.#} {2 * half:0.#}m0 {-2 * half:0.#}l{-2 * half:0.#} {2 * half:0.#}"),
        "cross" => FormattableString.Invariant($"m{-half:0.#} 0h{2 * half:0.#}m{-half:0.#} {-half:0.#}v{2 * half:0.#}"),
        "triangle-up" => FormattableString.Invariant($"m0 {-half:0.#}l{half:0.#} {2 * half:0.#}h{-2 * half:0.#}z"),
        "triangle-down" => FormattableString.Invariant($"m0 {half:0.#}l{half:0.#} {-2 * half:0.#}h{-2 * half:0.#}z"),
        "square" or "square-open" => FormattableString.Invariant($"m{-half:0.#} {-half:0.#}h{2 * half:0.#}v{2 * half:0.#}h{-2 * half:0.#}z"),
        "circle-open" => FormattableString.Invariant($"m{-half:0.#} 0a{half:0.#} {half:0.#} 0 1 0 {2 * half:0.#} 0a{half:0.#} {half:0.#} 0 1 0 {-2 * half:0.#} 0z"),
        _ => FormattableString.Invariant($"m0 {-half:0.#}l{half:0.#} {half:0.#} {-half:0.#} {half:0.#} {-half:0.#} {-half:0.#}z"),
    };

    private double Base(int i) => trace["base"] is JsonArray bases ? (i < bases.Count ? bases[i].Number(0) : 0) : trace["base"].Number(0);

    private double Gap()
    {
        var places = Points.Select(p => p.X).Where(double.IsFinite).Distinct().Order().ToArray();
        return places.Zip(places.Skip(1), (a, b) => b - a).DefaultIfEmpty(1).Min();
    }

    private IEnumerable<(int Index, (double Up, double Down) Reach)> Reaches()
    {
        var up = trace.At("error_y", "array").Items();
        var down = trace.At("error_y", "arrayminus").Items();
        for (var i = 0; i < up.Count && i < Points.Length; i++)
        {
            yield return (i, (up[i].Number(0), i < down.Count ? down[i].Number(0) : up[i].Number(0)));
        }
    }

    private string PathOf(IReadOnlyList<(double X, double Y)> points, bool closed)
    {
        var path = new StringBuilder();
        var pen = false;
        foreach (var (x, y) in points)
        {
            if (!double.IsFinite(x) || !double.IsFinite(y))
            {
                pen = closed && pen; // A line has a gap, an area closes over it.
                continue;
            }

            path.Append(FormattableString.Invariant($"{(pen ? 'L' : 'M')}{X.Place(x):0.#} {Y.Place(y):0.#}"));
            pen = true;
        }

        return path.Append(closed && path.Length > 0 ? "Z" : "").ToString();
    }

    private string Pale() => colour is ['#', _, _, _, _, _, _] ? Palette.Pale(colour, 0.4) : colour;
}
