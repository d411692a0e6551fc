using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class GeneratorTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(3, 20)]
    [InlineData(12, 1000)]
    public void Steps_are_computed_right_and_stay_in_range(int steps, int limit)
    {
        foreach (var problem in Arithmetic.MultiStep(200, seed: 1, steps, limit))
        {
            Assert.Equal(problem.Fields["expression"] + "=", problem.Prompt);
            Assert.Equal(problem.Answer, Calculator.Evaluate(problem.Fields["expression"]));
            Assert.InRange(long.Parse(problem.Answer), -(long)limit * limit, (long)limit * limit);
            Assert.Equal(steps, problem.Fields["expression"].Count(c => c is '+' or '*' or '-'));
        }
    }

    [Fact]
    public void Every_countdown_has_a_solution_and_others_count_too()
    {
        foreach (var problem in Countdown.Problems(200, seed: 1, numbers: 4))
        {
            var numbers = problem.Fields["numbers"].Split(' ').Select(int.Parse).ToArray();
            Assert.Equal(4, numbers.Length);
            Assert.True(Countdown.IsSolved(problem.Fields["solution"], numbers, int.Parse(problem.Fields["target"])), problem.Prompt + problem.Answer);
            Assert.InRange(int.Parse(problem.Fields["target"]), 1, 1000);
        }
    }

    [Fact]
    public void Problems_of_different_draws_can_be_joined_to_one_set()
    {
        Problem[] joined =
        [
            .. Arithmetic.MultiStep(9, seed: 1), .. Arithmetic.MultiStep(9, seed: 2), .. Arithmetic.MultiStep(9, seed: 1, steps: 4), .. Arithmetic.MultiStep(9, seed: 1, limit: 30),
            .. Countdown.Problems(9, seed: 1), .. Countdown.Problems(9, seed: 2), .. Countdown.Problems(9, seed: 1, numbers: 4), .. Countdown.Problems(9, seed: 1, limit: 30),
            .. Sequences.Sorting(9, seed: 1), .. Sequences.Sorting(9, seed: 2), .. Sequences.Sorting(9, seed: 1, maximum: 7), .. Sequences.Sorting(9, seed: 1, limit: 20),
            .. Sequences.Reversal(9, seed: 1), .. Sequences.Reversal(9, seed: 2), .. Sequences.Reversal(9, seed: 1, minimum: 4),
        ];
        Assert.Equal(joined.Length, joined.Select(p => p.Id).Distinct().Count());
    }

    [Theory]
    [InlineData("3*7+25", true)]
    [InlineData("25 + 7*3 = 46", true)]
    [InlineData("(3*7)+25", true)]
    [InlineData("46", false)] // not a given number
    [InlineData("3*7+25+0", false)]
    [InlineData("3*7+25*1", false)]
    [InlineData("3*7+7+18", false)] // twice
    [InlineData("3*7", false)]
    [InlineData("25+7*3.0", false)]
    [InlineData("", false)]
    [InlineData("=46", false)]
    [InlineData("nonsense", false)]
    public void A_countdown_is_solved_by_the_given_numbers_alone(string expression, bool solved) => Assert.Equal(solved, Countdown.IsSolved(expression, [3, 7, 25], 46));

    [Fact]
    public void A_countdown_may_leave_numbers_out() => Assert.True(Countdown.IsSolved("5*9", [3, 5, 9], 45));

    [Fact]
    public void Sorting_and_reversal_have_their_one_answer()
    {
        foreach (var problem in Sequences.Sorting(100, seed: 2))
        {
            var given = problem.Prompt["sort ".Length..^2].Split(' ').Select(int.Parse).ToArray();
            Assert.InRange(given.Length, 3, 6);
            Assert.Equal(string.Join(' ', given.Order()), problem.Answer);
            Assert.Equal(given.Length, int.Parse(problem.Fields["length"]));
        }

        foreach (var problem in Sequences.Reversal(100, seed: 2))
        {
            Assert.Equal(new string([.. problem.Prompt["reverse ".Length..^2].Reverse()]), problem.Answer);
        }
    }

    [Fact]
    public void A_seed_gives_the_same_problems_everywhere()
    {
        // Literal: drawn from a counter-based stream, so that platforms and versions agree.
        var first = new[] { Arithmetic.MultiStep(1, seed: 7), Countdown.Problems(1, seed: 7), Sequences.Sorting(1, seed: 7), Sequences.Reversal(1, seed: 7) }.Select(p => p[0].Prompt + p[0].Answer);
        Assert.Equal("15-17+13-13=-2; numbers 24 3 3, target 24: 24-(3-3); sort 1 1 4: 1 1 4; reverse vffepocd: dcopeffv; lhinmina", string.Join("; ", first.Append(new RandomWalks(7).SampleWalks(1)[0])));
        Assert.NotEqual(Arithmetic.MultiStep(5, 1).Select(p => p.Prompt), Arithmetic.MultiStep(5, 2).Select(p => p.Prompt));
        Assert.Equal(Arithmetic.MultiStep(5, 1).Select(p => p.Prompt), Arithmetic.MultiStep(9, 1).Take(5).Select(p => p.Prompt)); // more of them changes none
    }

    [Fact]
    public void Impossible_wishes_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Arithmetic.MultiStep(0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Arithmetic.MultiStep(1, 1, steps: 13));
        Assert.Throws<ArgumentOutOfRangeException>(() => Countdown.Problems(1, 1, numbers: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sequences.Sorting(1, 1, minimum: 5, maximum: 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sequences.Reversal(1, 1, minimum: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomWalks(1, nodes: 27));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomWalks(1, maxLength: 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RandomWalks(1, edgeProbability: 0));
        Assert.Contains("raise it", Assert.Throws<ArgumentException>(() => new RandomWalks(1, edgeProbability: 0.0001)).Message, StringComparison.Ordinal);
    }
}
