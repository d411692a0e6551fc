using System.Globalization;
using System.Xml.Linq;
using RlPrimitives.Notebooks.Charts;
using SkiaSharp;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>A drawing as pixels: the few elements and attributes that <see cref="SvgWriter"/> writes, drawn with Skia.</summary>
internal static class SvgPicture
{
    /// <param name="svg">What <see cref="SvgFigure"/> drew.</param>
    /// <param name="scale">Pixels for one unit.</param>
    /// <param name="background">#RRGGBB; null for none.</param>
    public static byte[] Png(string svg, double scale, string? background)
    {
        if (!(scale is > 0 and <= 10))
        {
            throw new ArgumentOutOfRangeException(nameof(scale), scale, "The scale must be above 0 and at most 10.");
        }

        try
        {
            return Draw(XElement.Parse(svg), scale, background);
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException })
        {
            throw new InvalidOperationException("No PNG can be drawn: the native library of SkiaSharp 2.88.9 is not here for this system. SaveSvg and SaveHtml need nothing.", e);
        }
    }

    private static byte[] Draw(XElement root, double scale, string? background)
    {
        var ground = SKColor.Empty;
        if (background is not null && !SKColor.TryParse(background, out ground))
        {
            throw new ArgumentException($"The background '{background}' is no colour such as #FFFFFF.", nameof(background));
        }

        using var face = SKFontManager.Default.MatchFamily("sans-serif") ?? SKTypeface.Default;
        if (SKFontManager.Default.FontFamilyCount == 0)
        {
            throw new InvalidOperationException("No PNG can be drawn: this machine has no font (Debian and Ubuntu: apt-get install fonts-dejavu-core). SaveSvg and SaveHtml need none.");
        }

        using var bitmap = new SKBitmap((int)Math.Ceiling(Number(root, "width") * scale), (int)Math.Ceiling(Number(root, "height") * scale));
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(ground);
        canvas.Scale((float)scale);
        foreach (var element in root.Elements())
        {
            Draw(canvas, element, face);
        }

        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }

    private static void Draw(SKCanvas canvas, XElement element, SKTypeface face)
    {
        switch (element.Name.LocalName)
        {
            case "path":
                using (var path = SKPath.ParseSvgPathData(Text(element, "d") ?? ""))
                {
                    Paint(element, filled: true, paint => canvas.DrawPath(path, paint));
                }

                break;
            case "line":
                Paint(element, filled: false, paint => canvas.DrawLine(Number(element, "x1"), Number(element, "y1"), Number(element, "x2"), Number(element, "y2"), paint));
                break;
            case "rect":
                Paint(element, filled: true, paint => canvas.DrawRect(Number(element, "x"), Number(element, "y"), Number(element, "width"), Number(element, "height"), paint));
                break;
            default:
                Write(canvas, element, face);
                break;
        }
    }

    private static void Paint(XElement element, bool filled, Action<SKPaint> draw)
    {
        if (filled && Text(element, "fill") is { } fill && fill != "none")
        {
            using var paint = new SKPaint { IsAntialias = true, Style = SKPaintStyle.Fill, Color = Colour(fill, Number(element, "fill-opacity", 1)) };
            draw(paint);
        }

        if (Text(element, "stroke") is { } stroke)
        {
            using var paint = new SKPaint
            {
                IsAntialias = true, Style = SKPaintStyle.Stroke, Color = Colour(stroke, Number(element, "stroke-opacity", 1)), StrokeWidth = Number(element, "stroke-width", 1),
                StrokeCap = Text(element, "stroke-linecap") == "round" ? SKStrokeCap.Round : SKStrokeCap.Butt, StrokeJoin = Text(element, "stroke-linejoin") == "round" ? SKStrokeJoin.Round : SKStrokeJoin.Miter,
                PathEffect = Text(element, "stroke-dasharray") is { } dashes ? SKPathEffect.CreateDash(Array.ConvertAll(dashes.Split(' '), d => float.Parse(d, CultureInfo.InvariantCulture)), 0) : null,
            };
            draw(paint);
        }
    }

    private static void Write(SKCanvas canvas, XElement element, SKTypeface face)
    {
        // A sign that the font lacks comes from one that has it.
        var missing = element.Value.EnumerateRunes().FirstOrDefault(r => r.Value > ' ' && !face.ContainsGlyph(r.Value));
        using var other = missing.Value > ' ' ? FaceWith(missing.Value) : null;
        using var paint = new SKPaint
        {
            IsAntialias = true, Typeface = other ?? face, TextSize = Number(element, "font-size", 12), Color = Colour(Text(element, "fill") ?? Palette.Grey, 1),
            TextAlign = Text(element, "text-anchor") switch { "middle" => SKTextAlign.Center, "end" => SKTextAlign.Right, _ => SKTextAlign.Left },
        };
        float x = Number(element, "x"), y = Number(element, "y");
        canvas.Save();
        if (Text(element, "transform") is not null)
        {
            canvas.RotateDegrees(-90, x, y); // The one transformation there is: an upright title.
        }

        canvas.DrawText(element.Value, x, y, paint);
        canvas.Restore();
    }

    // Skia without fontconfig does not look for a sign by itself.
    private static SKTypeface? FaceWith(int sign)
    {
        if (SKFontManager.Default.MatchCharacter(sign) is { } known)
        {
            return known;
        }

        // Plain faces first: in a face for mathematics words look strange.
        foreach (var family in SKFontManager.Default.FontFamilies.OrderBy(f => f.Contains("Sans", StringComparison.Ordinal) ? f.Length : 100 + f.Length))
        {
            if (SKFontManager.Default.MatchFamily(family) is { } face)
            {
                if (face.ContainsGlyph(sign))
                {
                    return face;
                }

                face.Dispose();
            }
        }

        return null;
    }

    private static SKColor Colour(string css, double opacity) =>
        (SKColor.TryParse(css, out var colour) ? colour : SKColor.Parse(Palette.Grey)).WithAlpha((byte)Math.Round(255 * Math.Clamp(opacity, 0, 1)));

    private static string? Text(XElement element, string name) => element.Attribute(name)?.Value;

    private static float Number(XElement element, string name, double otherwise = 0) =>
        float.TryParse(Text(element, name), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : (float)otherwise;
}
