using RlPrimitives.Notebooks.Charts;

namespace RlPrimitives.Notebooks.Tests;

public class PlotlyTextTests
{
    [Fact]
    public void Lines_are_few_and_about_equally_long() => Assert.Equal(["one two", "three"], PlotlyText.Wrap("one two three", 12));

    [Fact]
    public void A_number_is_not_torn_from_its_spread_or_its_unit()
    {
        Assert.Equal(["mean 0.5 ± 0.1", "std 12 % more"], PlotlyText.Wrap("mean 0.5 ± 0.1 std 12 % more", 14));
        Assert.All(Enumerable.Range(5, 30), width => Assert.DoesNotContain(PlotlyText.Wrap("a 0.5 ± 0.1 b 12 % c", width), line => line.StartsWith('±') || line.EndsWith('±') || line.StartsWith('%')));
    }

    [Fact]
    public void What_fits_stays_one_line() => Assert.Equal(["a b"], PlotlyText.Wrap("a b", 3));
}
