namespace RlPrimitives.Notebooks.Tests;

public class AccuracyTests
{
    [Fact]
    public void Bars_are_percents_with_their_values_written_above()
    {
        var chart = Show.Accuracy([("addition", 0.125, 0.75), ("chess", double.NaN, 0.25)]);

        var figure = chart.Figure();
        Assert.Equal([12.5, null], figure.Trace("before")["y"].Numbers());
        Assert.Equal([75, 25], figure.Trace("after")["y"].Numbers());
        Assert.Equal(["12.5 %", "75 %", "25 %"], figure["layout"]!["annotations"]!.AsArray().Select(a => (string?)a!["text"]));
        Assert.Null(figure.Trace("after")["error_y"]);
        Assert.Equal("Accuracy, mean of 2 tasks: 12.5 % → 50 %", chart.Title);
    }

    [Fact]
    public void Intervals_are_those_of_Wilson()
    {
        var figure = Show.Accuracy([("addition", 0, 0.5)], problems: 10).Figure();

        // 0 of 10: [0, 0.27754]; 5 of 10: [0.23659, 0.76341].
        Assert.Equal(27.753, figure.Trace("before")["error_y"]!["array"].Numbers()[0]!.Value, 2);
        Assert.Equal(0, figure.Trace("before")["error_y"]!["arrayminus"].Numbers()[0]!.Value, 6);
        Assert.Equal(26.341, figure.Trace("after")["error_y"]!["array"].Numbers()[0]!.Value, 2);
        Assert.Equal(26.341, figure.Trace("after")["error_y"]!["arrayminus"].Numbers()[0]!.Value, 2);
    }

    [Fact]
    public void Given_intervals_win_over_computed_ones()
    {
        var figure = Show.Accuracy([("addition", 0.2, 0.5)], problems: 10, intervals: [((0.1, 0.4), (0.45, 0.6))]).Figure();

        Assert.Equal(20, figure.Trace("before")["error_y"]!["array"].Numbers()[0]!.Value, 6);
        Assert.Equal(5, figure.Trace("after")["error_y"]!["arrayminus"].Numbers()[0]!.Value, 6);
    }

    [Fact]
    public void What_is_no_share_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Show.Accuracy([("percent by mistake", 12, 75)]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Show.Accuracy([("a", 0.1, 0.2)], problems: 0));
        Assert.Throws<ArgumentException>(() => Show.Accuracy([]));
        Assert.Throws<ArgumentException>(() => Show.Accuracy([("a", 0.1, 0.2)], intervals: []));
    }
}
