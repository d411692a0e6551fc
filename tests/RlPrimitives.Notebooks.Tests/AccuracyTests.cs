using RlPrimitives.Algorithms;

namespace RlPrimitives.Notebooks.Tests;

public class AccuracyTests
{
    [Fact]
    public void Bars_are_percents_with_their_values_written_above()
    {
        var chart = Show.Accuracy([("addition", new Accuracy(1, 8), new Accuracy(6, 8)), ("chess", default, new Accuracy(2, 8))]);

        var figure = chart.Figure();
        Assert.Equal([12.5, null], figure.Trace("before")["y"].Numbers());
        Assert.Equal([75, 25], figure.Trace("after")["y"].Numbers());
        Assert.Equal(["12.5 %", "75 %", "25 %"], figure["layout"]!["annotations"]!.AsArray().Select(a => (string?)a!["text"]));
        Assert.StartsWith("Accuracy: addition 12.5 % → 75 %, chess ", chart.Title, StringComparison.Ordinal);
        Assert.EndsWith("25 % (95 % intervals, 8 problems)", chart.Title, StringComparison.Ordinal);
    }

    [Fact]
    public void Intervals_are_those_of_Wilson()
    {
        var figure = Show.Accuracy([("addition", new Accuracy(0, 10), new Accuracy(5, 10))]).Figure();

        // 0 of 10: [0, 0.27754]; 5 of 10: [0.23659, 0.76341].
        Assert.Equal(27.753, figure.Trace("before")["error_y"]!["array"].Numbers()[0]!.Value, 2);
        Assert.Equal(0, figure.Trace("before")["error_y"]!["arrayminus"].Numbers()[0]!.Value, 6);
        Assert.Equal(26.341, figure.Trace("after")["error_y"]!["array"].Numbers()[0]!.Value, 2);
        Assert.Equal(26.341, figure.Trace("after")["error_y"]!["arrayminus"].Numbers()[0]!.Value, 2);
    }

    [Fact]
    public void A_title_of_ones_own_replaces_the_computed_one() =>
        Assert.Equal("mine", Show.Accuracy([("addition", new Accuracy(0, 10), new Accuracy(5, 10))], "mine").Title);

    [Fact]
    public void No_results_are_refused() => Assert.Throws<ArgumentException>(() => Show.Accuracy([]));
}
