using Plotly.NET;
using SkiaSharp;
using Plot = Plotly.NET.CSharp.Chart;

namespace RlPrimitives.Notebooks.Tests;

public class PictureTests
{
    private static SKBitmap Saved(Chart chart, double scale = 2, string? background = "#FFFFFF")
    {
        var path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            chart.SavePng(path, scale, background);
            return SKBitmap.Decode(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static int Pixels(SKBitmap picture, SKColor colour) => picture.Pixels.Count(p => p == colour);

    [Fact]
    public void A_saved_picture_has_the_size_of_the_drawing_times_the_scale()
    {
        var chart = Show.RewardCurve(Histories.Of([0], [1]));
        using var twice = Saved(chart);
        using var once = Saved(chart, 1);

        Assert.Equal((1440, 720, 720, 360), (twice.Width, twice.Height, once.Width, once.Height));
    }

    [Fact]
    public void The_picture_shows_the_data_in_their_colours()
    {
        using var picture = Saved(Show.Accuracy([("a", new Algorithms.Accuracy(2, 10), new Algorithms.Accuracy(8, 10))]));

        int before = Pixels(picture, SKColor.Parse("#808080")), after = Pixels(picture, SKColor.Parse("#0072B2"));
        Assert.InRange((double)after / before, 3, 5); // Bars of 20 % and 80 %; some grey is text.
    }

    [Fact]
    public void The_title_is_written()
    {
        using var picture = Saved(Show.RewardCurve(Histories.Of([0], [1])));

        Assert.Contains(Enumerable.Range(0, 50), y => Enumerable.Range(128, 400).Any(x => picture.GetPixel(x, y).Red < 200));
    }

    [Fact]
    public void A_sign_that_the_font_lacks_is_taken_from_one_that_has_it()
    {
        // A missing sign is an empty box, the same for all: two signs must differ.
        using var arrow = Saved(Chart.From(Plot.Point<double, double, string>([1], [2]), "↗"), 1);
        using var other = Saved(Chart.From(Plot.Point<double, double, string>([1], [2]), "⇶"), 1);
        bool Known(int sign) => SKFontManager.Default.FontFamilies.Any(f => SKFontManager.Default.MatchFamily(f).ContainsGlyph(sign));

        Assert.Equal(Known('↗') || Known('⇶'), !arrow.Pixels.SequenceEqual(other.Pixels));
    }

    [Fact]
    public void A_background_of_null_is_transparent()
    {
        using var clear = Saved(Show.RewardCurve(Histories.Of([0], [1])), 1, null);
        using var dark = Saved(Show.RewardCurve(Histories.Of([0], [1])), 1, "#1E1E1E");

        Assert.Equal(((byte)0, SKColor.Parse("#1E1E1E")), (clear.GetPixel(1, 1).Alpha, dark.GetPixel(1, 1)));
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused()
    {
        var chart = Chart.From(Plot.Point<double, double, string>([1], [2]), "x");
        Assert.Throws<ArgumentOutOfRangeException>(() => chart.SavePng("x.png", 0));
        Assert.Throws<ArgumentException>(() => chart.SavePng("x.png", 1, "not a colour"));
        Assert.False(File.Exists("x.png"));
    }
}
