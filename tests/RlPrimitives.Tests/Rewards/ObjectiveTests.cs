using System.Globalization;
using System.Text.RegularExpressions;
using RlPrimitives.Rewards;

namespace RlPrimitives.Tests.Rewards;

public class ObjectiveTests
{
    [Fact]
    public async Task A_function_is_an_objective_and_may_abstain()
    {
        Assert.Equal(3, await Score(Objective.From("length", t => (float)t.Response.Length), "abc", ""));
        Assert.Null(await Score(Objective.From("none", t => (float?)null), "abc", ""));
        Assert.Equal("length", Objective.From("length", t => 0f).Name);
        Assert.Throws<ArgumentException>(() => Objective.From("", t => 0f));
    }

    [Theory]
    [InlineData("85", "85", 1f)]
    [InlineData(" 85\n", "85 ", 1f)]
    [InlineData("085", "85", 0f)]
    [InlineData("", "85", 0f)]
    [InlineData("Äpfel", "Äpfel", 1f)]
    [InlineData("Ä", "A\u0308", 0f)]
    [InlineData("YES", "yes", 0f)]
    [InlineData("85", "", null)]
    [InlineData("", " ", null)]
    public async Task An_exact_match_is_the_answer_up_to_white_space_around_it(string response, string answer, float? expected) =>
        Assert.Equal(expected, await Score(new ExactMatch(), response, answer));

    [Theory]
    [InlineData("YES", "yes", 1f)]
    [InlineData("ÄÖ", "äö", 1f)]
    [InlineData("I", "ı", 0f)]
    public async Task Case_can_be_ignored_in_no_culture(string response, string answer, float? expected)
    {
        Assert.Equal(expected, await Score(new ExactMatch { IgnoreCase = true }, response, answer));
        Assert.Equal(expected, await Score(new Contains { IgnoreCase = true }, $"<{response}>", answer));
    }

    [Theory]
    [InlineData("85", "85", 1f)]
    [InlineData("27+58=85.", "85", 1f)]
    [InlineData("85 or 86", "85", 0f)]
    [InlineData("", "85", 0f)]
    [InlineData("none", "85", 0f)]
    [InlineData("85", "unknown", null)]
    [InlineData("85", "", null)]
    [InlineData("#### 1,234", "1234", 1f)]
    [InlineData("1,234,567.50", "1234567.5", 1f)]
    [InlineData("12,34", "34", 1f)]
    [InlineData("85.00", "85", 1f)]
    [InlineData("0085", "85", 1f)]
    [InlineData(".5", "0.50", 1f)]
    [InlineData("1e3", "1000", 1f)]
    [InlineData("1.5E-3", "0.0015", 1f)]
    [InlineData("-0", "0", 1f)]
    [InlineData("-5", "5", 0f)]
    [InlineData("x = -5", "-5", 1f)]
    [InlineData("x = \u22125", "-5", 1f)]
    [InlineData("+5", "5", 1f)]
    [InlineData("10-3", "3", 1f)]
    [InlineData("(a)-3", "3", 1f)]
    [InlineData("n-3", "3", 1f)]
    [InlineData("123456789012345678901234567890", "123456789012345678901234567890", 1f)]
    [InlineData("123456789012345678901234567891", "123456789012345678901234567890", 0f)]
    [InlineData("1e99999999", "1e99999998", 0f)]
    [InlineData("1e99999999", "10e99999998", 1f)]
    [InlineData("0.1", "0.10000000000000001", 0f)]
    [InlineData("٣", "3", 0f)]
    [InlineData("答案是85。", "85", 1f)]
    public async Task The_last_number_counts_and_digits_are_compared_exactly(string response, string answer, float? expected) =>
        Assert.Equal(expected, await Score(new NumericMatch(), response, answer));

    [Theory]
    [InlineData("3.14", "3.14159", 0.01, 0, 1f)]
    [InlineData("3.1", "3.14159", 0.01, 0, 0f)]
    [InlineData("101", "100", 0, 0.01, 1f)]
    [InlineData("-99", "-100", 0, 0.01, 1f)]
    [InlineData("98", "100", 0, 0.01, 0f)]
    [InlineData("1e400", "5", 1e300, 0, 0f)]
    [InlineData("1e400", "1e400", 1, 0, 1f)]
    public async Task A_tolerance_is_absolute_or_relative_to_the_answer(string response, string answer, double absolute, double relative, float? expected) =>
        Assert.Equal(expected, await Score(new NumericMatch { Tolerance = absolute, RelativeTolerance = relative }, response, answer));

    [Fact]
    public async Task Numbers_are_read_the_same_in_every_culture()
    {
        var before = CultureInfo.CurrentCulture;
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator, comma.NumberFormat.NegativeSign) = (",", ".", "~");
        try
        {
            CultureInfo.CurrentCulture = comma;
            Assert.Equal(1, await Score(new NumericMatch { Tolerance = 0.5 }, "-1,234.75", "-1234.5"));
            Assert.Equal(1, await Score(new NumericMatch(), "-2.5e-3", "-0.0025"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public async Task A_very_long_response_is_read_to_its_last_number()
    {
        Assert.Equal(1, await Score(new NumericMatch { Tolerance = 1 }, string.Concat(Enumerable.Repeat("7,777-", 20_000)) + "85", "85"));
        Assert.Equal(0, await Score(new NumericMatch { Tolerance = 1 }, new string('9', 100_000), "85"));
    }

    [Theory]
    [InlineData("so 85 it is", null, "85", 1f)]
    [InlineData("so 58 it is", null, "85", 0f)]
    [InlineData("", null, "85", 0f)]
    [InlineData("85", null, "", null)]
    [InlineData("so </think> it is", "</think>", "", 1f)]
    [InlineData("日本語", "本", "", 1f)]
    public async Task Contains_looks_for_a_text_or_the_answer(string response, string? text, string answer, float? expected) =>
        Assert.Equal(expected, await Score(new Contains(text), response, answer));

    [Fact]
    public void Contains_takes_no_empty_text()
    {
        Assert.Throws<ArgumentException>(() => new Contains(""));
        Assert.Throws<ArgumentException>(() => new Contains() with { Text = "" });
    }

    [Theory]
    [InlineData("<think>a\nb</think>5", 1f)]
    [InlineData("<think>a", 0f)]
    [InlineData("", 0f)]
    [InlineData("<think>思考</think>😀", 1f)]
    public async Task A_format_is_a_pattern(string response, float? expected) =>
        Assert.Equal(expected, await Score(new RegexFormat("^<think>.*</think>.+$"), response, ""));

    [Fact]
    public async Task A_response_that_exhausts_the_matcher_is_not_in_the_format()
    {
        var format = new RegexFormat("^(a+)+$", RegexOptions.None, TimeSpan.FromMilliseconds(250));
        Assert.Equal(0, await Score(format, new string('a', 64) + "!", ""));
        Assert.Equal(1, await Score(format, "aaa", ""));
        Assert.ThrowsAny<ArgumentException>(() => new RegexFormat("("));
    }

    [Fact]
    public async Task Length_costs_what_is_outside_the_wanted_range()
    {
        float?[] Expected(params float[] scores) => [.. scores.Select(s => (float?)s)];
        async Task<float?[]> Scores(ResponseLength length) => [.. await Task.WhenAll(new[] { "", "abc", "abcdef" }.Select(r => Score(length, r, "")))]; // 1, 4 and 7 tokens
        Assert.Equal(Expected(-1, -4, -7), await Scores(new ResponseLength()));
        Assert.Equal(Expected(-3, 0, -3), await Scores(ResponseLength.Near(4)));
        Assert.Equal(Expected(0, 0, -2), await Scores(ResponseLength.AtMost(5)));
        Assert.Equal(Expected(-1, 0, -1), await Scores(ResponseLength.Between(2, 6)));
        Assert.Throws<ArgumentOutOfRangeException>(() => ResponseLength.AtMost(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => ResponseLength.Between(3, 2));
    }

    [Theory]
    [InlineData(new[] { 1, 2, 3, 4 }, 2, 0f)]
    [InlineData(new[] { 1, 2, 1, 2, 1 }, 2, -0.5f)]
    [InlineData(new[] { 7, 7, 7, 7, 7 }, 1, -0.8f)]
    [InlineData(new[] { 1, 2 }, 3, 0f)]
    public async Task Repetition_is_the_share_of_grams_seen_before(int[] tokens, int n, float expected) =>
        Assert.Equal(expected, await new Repetition(n).ScoreAsync(Scored.Trajectory("", tokens: tokens), default));

    [Fact]
    public async Task Repetition_counts_within_a_turn()
    {
        var turn = Scored.Trajectory("", tokens: [1, 2, 3]).Turns[0];
        Assert.Equal(0, await new Repetition().ScoreAsync(Scored.Trajectory("") with { Turns = [turn, turn] }, default));
        Assert.Equal(0, await new Repetition().ScoreAsync(Scored.Failed(), default));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Repetition(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Repetition() with { N = 0 });
    }

    private static async Task<float?> Score(IObjective objective, string response, string answer) =>
        await objective.ScoreAsync(Scored.Trajectory(response, answer), CancellationToken.None);
}
