using System.Diagnostics;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class CalculatorTests
{
    [Theory]
    [InlineData("12*3", "36")]
    [InlineData(" 1 + 2 * 3 ", "7")]
    [InlineData("(1+2)*3", "9")]
    [InlineData("10-3-2", "5")]
    [InlineData("2^3^2", "512")]
    [InlineData("-2^2", "-4")]
    [InlineData("(-2)**2", "4")]
    [InlineData("2^-2", "0.25")]
    [InlineData("0.1+0.2", "0.3")]
    [InlineData("1/3", "0.333333333333333")]
    [InlineData("2/3", "0.666666666666667")]
    [InlineData("-1/8", "-0.125")]
    [InlineData("1/3*3", "1")]
    [InlineData("100/3", "33.3333333333333")]
    [InlineData("1/30000000", "3.33333333333333e-8")]
    [InlineData("3.5e-8*1e8", "3.5")] // what it writes it reads
    [InlineData("2E+3", "2000")]
    [InlineData("7//2", "3")]
    [InlineData("-7//2", "-4")]
    [InlineData("-7%3", "2")]
    [InlineData("6÷2×5", "15")]
    [InlineData("5−2", "3")]
    [InlineData("sqrt(144)", "12")]
    [InlineData("sqrt(2)", "1.4142135623731")]
    [InlineData("sqrt(2)*sqrt(2)", "2")]
    [InlineData("sqrt(0.25)", "0.5")]
    [InlineData("min(3, 1, 2) + max(1, 5)", "6")]
    [InlineData("abs(-3)+floor(2.5)+ceil(2.5)+round(2.5)", "11")]
    [InlineData("2^200", "1606938044258990275541962092341162602522202993782792835301376")]
    [InlineData("1^999999999999", "1")]
    [InlineData("(-1)^1000000001", "-1")]
    [InlineData("12*3=36", "true")]
    [InlineData("12*3 == 35", "false")]
    [InlineData("1/3+2/3 = 1", "true")]
    [InlineData("2 != 2", "false")]
    [InlineData("2 <= 2", "true")]
    [InlineData("3 < 2", "false")]
    [InlineData(".5+5.", "5.5")]
    public void Arithmetic_is_exact_until_it_is_written(string expression, string value) => Assert.Equal(value, Calculator.Evaluate(expression));

    [Theory]
    [InlineData("1/0", "division by zero")]
    [InlineData("1//0", "division by zero")]
    [InlineData("1%0", "division by zero")]
    [InlineData("0^-1", "division by zero")]
    [InlineData("9^9^9", "too large")]
    [InlineData("10^400", "too large")]
    [InlineData("0.1^999", "too large")]
    [InlineData("2^0.5", "whole numbers")]
    [InlineData("sqrt(-1)", "negative")]
    [InlineData("", "too early")]
    [InlineData("1+", "too early")]
    [InlineData("(1+2", "')' is missing")]
    [InlineData("1+2)", "')' at 4")]
    [InlineData("1 2", "'2' at 3")]
    [InlineData("1.2.3", "'1.2.3' is not a number")]
    [InlineData("system(1)", "no function 'system'")]
    [InlineData("sqrt(1, 2)", "one argument")]
    [InlineData("\"a\"", "'\"' at 1")]
    [InlineData("😀", "'😀' at 1")]
    [InlineData("1=1=1", "'=' at 4")]
    public void What_cannot_be_computed_is_an_error_for_whoever_wrote_it(string expression, string says) =>
        Assert.Contains(says, Assert.Throws<FormatException>(() => Calculator.Evaluate(expression)).Message, StringComparison.Ordinal);

    [Fact]
    public void Whatever_a_model_tries_is_answered_at_once()
    {
        var before = Stopwatch.GetTimestamp();
        foreach (var hostile in new[]
        {
            new string('(', 900), new string('-', 999) + "1", string.Concat(Enumerable.Repeat("2^", 400)) + "2", new string('9', 999), new string('1', 5000),
            "9999999999^9999999999", "1.0000000001^1999", string.Concat(Enumerable.Repeat("99999999*", 100)) + "9", string.Concat(Enumerable.Repeat("sqrt(", 150)),
            string.Concat(Enumerable.Range(100, 200).Select(i => $"1/{i}+")) + "1", "2^(1/3)", "1e999999999", "1e-2147483648", "1e-400",
        })
        {
            Assert.Throws<FormatException>(() => Calculator.Evaluate(hostile));
        }

        Assert.InRange(Stopwatch.GetElapsedTime(before).TotalSeconds, 0, 5);
        Assert.Equal("500", Calculator.Evaluate(string.Concat(Enumerable.Repeat("1+", 499)) + "1"));
    }

    [Fact]
    public async Task As_a_tool_it_takes_an_expression()
    {
        var tool = Calculator.Tool();
        Assert.Equal("calc", tool.Name);
        Assert.Equal("36", (await tool.InvokeAsync(new AIFunctionArguments { ["expression"] = "12*3" }))!.ToString());
        Assert.Contains("expression", tool.Description, StringComparison.Ordinal);
    }
}
