using System.Globalization;
using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>A CSS colour as SVG attributes take it: opaque colour and opacity apart.</summary>
internal static class SvgColour
{
    public static (string Colour, double Opacity) Parse(string? css)
    {
        if (css is null)
        {
            return (Palette.Grey, 1);
        }

        if (!css.StartsWith("rgb", StringComparison.OrdinalIgnoreCase) || css.IndexOf('(', StringComparison.Ordinal) is not (> 0 and var open))
        {
            return (css, 1);
        }

        var parts = css[(open + 1)..].TrimEnd(')', ' ').Split(',')
            .Select(p => double.TryParse(p, NumberStyles.Float, CultureInfo.InvariantCulture, out var v) ? v : 0).ToArray();
        return parts.Length < 3
            ? (Palette.Grey, 1)
            : (FormattableString.Invariant($"#{(int)parts[0]:x2}{(int)parts[1]:x2}{(int)parts[2]:x2}"), parts.Length > 3 ? parts[3] : 1);
    }
}
