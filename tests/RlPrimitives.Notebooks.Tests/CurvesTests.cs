namespace RlPrimitives.Notebooks.Tests;

public class CurvesTests
{
    private static readonly (string, double[]) X = ("ratio", [0, 1, 2]);

    [Fact]
    public void Each_curve_is_a_line_over_the_common_x_values()
    {
        var figure = Show.Curves("Loss", X, "loss", ("up", [0, 1, 4]), ("down", [4, double.NaN, 0])).Figure();

        Assert.Equal([0, 1, 2], figure.Trace("up")["x"].Numbers());
        Assert.Equal([0, 1, 4], figure.Trace("up")["y"].Numbers());
        Assert.Equal([4, null, 0], figure.Trace("down")["y"].Numbers());
    }

    [Fact]
    public void A_predicted_curve_is_dashed_in_the_colour_of_what_was_observed()
    {
        var figure = Show.Curves("Loss", X, "loss", ("predicted k3", [0, 1, 2]), ("k3", [0, 1, 4]), ("k1", [0, 2, 4])).Figure();
        var (predicted, observed) = (figure.Trace("predicted k3")["line"]!, figure.Trace("k3")["line"]!);

        Assert.Equal(("dash", null), ((string?)predicted["dash"], (string?)observed["dash"]));
        Assert.Equal((string?)observed["color"], (string?)predicted["color"]);
        Assert.NotEqual((string?)observed["color"], (string?)figure.Trace("k1")["line"]!["color"]);
    }

    [Fact]
    public void Repetitions_become_their_mean_and_a_band_from_the_least_to_the_greatest()
    {
        var figure = Show.Curves("Share", X, "share", new Dictionary<string, IReadOnlyList<double[]>> { ["a"] = [[0, 0, 1], [1, 2, 4]] }).Figure();

        Assert.Equal([0.5, 1, 2.5], figure.Trace("a (2 seeds)")["y"].Numbers());
        Assert.Equal([1, 2, 4, 1, 0, 0], figure.Trace("a")["y"].Numbers());
    }

    [Fact]
    public void Few_whole_x_values_are_the_ticks_and_others_are_left_to_the_axis()
    {
        Assert.Equal(["0", "1", "2"], Show.Curves("Loss", X, "loss", ("a", [0, 1, 2])).Figure()["layout"]!["xaxis"]!["ticktext"]!.AsArray().Select(t => (string?)t));
        Assert.Null(Show.Curves("Loss", ("x", [0, 0.5, 1]), "loss", ("a", [0, 1, 2])).Figure()["layout"]!["xaxis"]!["ticktext"]);
    }

    [Fact]
    public void A_curve_that_does_not_fit_the_x_values_is_named()
    {
        Assert.Contains("short", Assert.Throws<ArgumentException>(() => Show.Curves("Loss", X, "loss", ("short", [0, 1]))).Message, StringComparison.Ordinal);
        Assert.Contains("none", Assert.Throws<ArgumentException>(() => Show.Curves("Loss", X, "loss", new Dictionary<string, IReadOnlyList<double[]>> { ["none"] = [] })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Show.Curves("Loss", X, "loss"));
    }
}
