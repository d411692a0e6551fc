using System.Net;
using System.Text;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>Writes SVG elements. Attributes only, no style sheets: what cleans notebooks for the web strips those and paints everything black.</summary>
internal sealed class SvgWriter(double width, double height)
{
    private readonly StringBuilder text = new();

    public void Line(double x1, double y1, double x2, double y2, string colour, double width = 1, double opacity = 1, string? dash = null) => Add(
        $"<line x1=\"{x1:0.#}\" y1=\"{y1:0.#}\" x2=\"{x2:0.#}\" y2=\"{y2:0.#}\"{Stroke(colour, width, opacity, dash)}/>");

    /// <param name="path">The path's data.</param>
    /// <param name="colour">Of the stroke; null for none.</param>
    /// <param name="width">Of the stroke.</param>
    /// <param name="dash">Plotly's name of a dash.</param>
    /// <param name="fill">Of the area; null for none.</param>
    public void Path(string path, string? colour, double width = 1, string? dash = null, string? fill = null)
    {
        var (ground, groundOpacity) = SvgColour.Parse(fill);
        var (stroke, opacity) = SvgColour.Parse(colour);
        var area = fill is null ? "fill=\"none\"" : FormattableString.Invariant($"fill=\"{Attribute(ground)}\" fill-opacity=\"{groundOpacity:0.##}\"");
        Add($"<path d=\"{path}\" {area}{(colour is null || width <= 0 ? "" : Stroke(stroke, width, opacity, dash) + " stroke-linejoin=\"round\"")}/>");
    }

    /// <summary>Dots, as one path of round line ends: a third of the size of circles.</summary>
    public void Dots(string path, string colour, double size)
    {
        var (stroke, opacity) = SvgColour.Parse(colour);
        Add($"<path d=\"{path}\" fill=\"none\"{Stroke(stroke, size, opacity, null)} stroke-linecap=\"round\"/>");
    }

    public void Rect(double x, double y, double width, double height, string colour, double opacity = 1)
    {
        var (fill, own) = SvgColour.Parse(colour);
        Add($"<rect x=\"{x:0.#}\" y=\"{y:0.#}\" width=\"{Math.Max(0, width):0.#}\" height=\"{Math.Max(0, height):0.#}\" fill=\"{Attribute(fill)}\" fill-opacity=\"{own * opacity:0.##}\"/>");
    }

    public void Text(double x, double y, string content, double size, string anchor = "start", bool upright = false, string? colour = null) => Add(
        $"<text x=\"{x:0.#}\" y=\"{y:0.#}\" font-size=\"{size:0.#}\" text-anchor=\"{anchor}\"{(colour is null ? "" : $" fill=\"{Attribute(SvgColour.Parse(colour).Colour)}\"")}{(upright ? FormattableString.Invariant($" transform=\"rotate(-90 {x:0.#} {y:0.#})\"") : "")}>{WebUtility.HtmlEncode(content)}</text>");

    public override string ToString() => FormattableString.Invariant(
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:0}\" height=\"{height:0}\" viewBox=\"0 0 {width:0} {height:0}\" font-family=\"sans-serif\" fill=\"{Charts.Palette.Grey}\" role=\"img\">{text}</svg>");

    /// <summary>About how wide a text is, pixels.</summary>
    public static double Width(string content, double size) => content.Length * size * 0.5;

    private static string Stroke(string colour, double width, double opacity, string? dash) => FormattableString.Invariant(
        $" stroke=\"{Attribute(colour)}\" stroke-width=\"{width:0.##}\"{(opacity < 1 ? FormattableString.Invariant($" stroke-opacity=\"{opacity:0.##}\"") : "")}{Dashes(dash)}");

    private static string Dashes(string? dash) => dash switch
    {
        "dash" or "longdash" => " stroke-dasharray=\"8 5\"",
        "dot" => " stroke-dasharray=\"2 4\"",
        "dashdot" or "longdashdot" => " stroke-dasharray=\"8 4 2 4\"",
        _ => "",
    };

    private static string Attribute(string value) => WebUtility.HtmlEncode(value);

    private void Add(FormattableString element) => text.Append(FormattableString.Invariant(element));
}
