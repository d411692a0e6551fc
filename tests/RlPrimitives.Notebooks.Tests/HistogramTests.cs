namespace RlPrimitives.Notebooks.Tests;

public class HistogramTests
{
    [Fact]
    public void Shares_of_the_values_stand_over_their_own_axis()
    {
        var chart = Show.Histogram([0, 1, 1, double.NaN, 1], "chance", "Mostly certain");
        var figure = chart.Figure();
        Assert.Equal("Mostly certain (1 of 5 not finite, left out)", chart.Title);
        Assert.Equal([25, 75], figure.Trace("values")["y"].Numbers());
        Assert.Equal("chance", (string?)figure["layout"]!["xaxis"]!["title"]!["text"]);
        Assert.Equal("share of the 4 values", (string?)figure["layout"]!["yaxis"]!["title"]!["text"]);
    }

    [Fact]
    public void Many_different_values_share_ranges() =>
        Assert.Equal(100, Show.Histogram([.. Enumerable.Range(0, 50).Select(i => i / 7.0)], "x", "y").Figure().Trace("values")["y"].Numbers().Sum()!.Value, 3);

    [Fact]
    public void Nothing_finite_is_refused() => Assert.Throws<ArgumentException>(() => Show.Histogram([double.NaN], "x", "y"));
}
