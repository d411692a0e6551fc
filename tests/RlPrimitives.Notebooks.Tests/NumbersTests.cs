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

    [Fact]
    public void Zero_has_no_sign() => Assert.Equal("0", Numbers.Short(double.NegativeZero));
}
