using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Tests;

public class NumbersTests
{
    [Theory]
    [InlineData(0.0, "0")]
    [InlineData(-0.0004, "-4e-4")]
    [InlineData(0.123456, "0.123")]
    [InlineData(-12345, "-12.3k")]
    [InlineData(double.NaN, "n/a")]
    public void A_short_number_has_three_digits(double value, string expected) => Assert.Equal(expected, Numbers.Short(value));

    [Theory]
    [InlineData(-2.91e-11, 1.0, "0 ± 1")]
    [InlineData(5e-14, 9.8e-13, "5e-14 ± 9.8e-13")]
    [InlineData(0.138, 0.612, "0.138 ± 0.61")]
    [InlineData(1.0, 0.0, "1 ± 0")]
    public void A_mean_far_below_its_spread_is_zero(double mean, double deviation, string expected) => Assert.Equal(expected, Numbers.Spread(mean, deviation));

    [Fact]
    public void Zero_has_no_sign() => Assert.Equal("0", Numbers.Short(double.NegativeZero));
}
