namespace RlPrimitives.Notebooks.Tests;

public class PredictionTests
{
    [Fact]
    public void The_prediction_is_dashed_the_observation_solid_and_the_title_gives_the_verdict()
    {
        var chart = Show.Prediction([1, 2, 3], [0.5, 0.6, 0.7], [0.5, 0.62, 0.69], 0.03, "temperature", "share", "Share of 8");

        Assert.Equal("Share of 8: at most 0.02 from the prediction; predicted within 0.03: met", chart.Title);
        var figure = chart.Figure();
        Assert.Equal("dash", (string?)figure.Trace("predicted ± 0.03")["line"]!["dash"]);
        Assert.Equal([0.5, 0.6, 0.7], figure.Trace("predicted ± 0.03")["y"].Numbers());
        Assert.Null(figure.Trace("observed")["line"]!["dash"]);
        Assert.Equal([0.5, 0.62, 0.69], figure.Trace("observed")["y"].Numbers());
        Assert.Equal([0.53, 0.63, 0.73, 0.67, 0.57, 0.47], figure.Trace("tolerance")["y"].Numbers());
        Assert.Equal("temperature", (string?)figure["layout"]!["xaxis"]!["title"]!["text"]);
        Assert.Equal("share", (string?)figure["layout"]!["yaxis"]!["title"]!["text"]);
    }

    [Fact]
    public void A_prediction_that_failed_is_said_to_have_failed() =>
        Assert.EndsWith("predicted within 0.1: not met", Show.Prediction([1, 2], [0, 0], [0.05, -0.2], 0.1, "x", "y", "It").Title, StringComparison.Ordinal);

    [Fact]
    public void What_was_not_measured_decides_nothing() =>
        Assert.Equal("It: at most 0.05 from the prediction; predicted within 0.1: met", Show.Prediction([1, 2], [0, 0], [0.05, double.NaN], 0.1, "x", "y", "It").Title);

    [Fact]
    public void Without_a_tolerance_there_is_no_verdict() =>
        Assert.Equal("It: at most 0.5 from the prediction", Show.Prediction([1], [0], [0.5], 0, "x", "y", "It").Title);

    [Fact]
    public void Unequal_lengths_and_impossible_tolerances_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Show.Prediction([1, 2], [0], [0, 1], 0, "x", "y", "It"));
        Assert.Throws<ArgumentException>(() => Show.Prediction([], [], [], 0, "x", "y", "It"));
        Assert.Throws<ArgumentOutOfRangeException>(() => Show.Prediction([1], [0], [0], -1, "x", "y", "It"));
    }
}
