using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rewards;

public class TaskObjectiveTests
{
    [Theory]
    [InlineData("3 5 9", "3 5 9", 1f)]
    [InlineData(" 3  5 9\n", "3 5 9", 1f)]
    [InlineData("3 9 5", "3 5 9", 1f / 3)]
    [InlineData("3 5", "3 5 9", 2f / 3)]
    [InlineData("3 5 9 9", "3 5 9", 0.75f)]
    [InlineData("", "3 5 9", 0f)]
    [InlineData("dcbb", "dcba", 0.75f)]
    [InlineData("é😀", "é😀", 1f)]
    [InlineData("x", "", null)]
    public async Task Places_are_counted_by_item_or_by_character(string response, string answer, float? expected) =>
        Assert.Equal(expected, await new PlaceMatch().ScoreAsync(Scored.Trajectory(response, answer), default));

    [Fact]
    public async Task A_countdown_reads_the_fields_of_its_problem()
    {
        var fields = new Dictionary<string, string> { ["numbers"] = "3 7 25", ["target"] = "46" };
        async Task<float?> Score(string response, IReadOnlyDictionary<string, string> f) =>
            await new CountdownMatch().ScoreAsync(Scored.Trajectory(response) with { Problem = new Problem("p", "?", "", f) }, default);
        Assert.Equal(1, await Score("3*7+25", fields));
        Assert.Equal(1, await Score("let me see\n25+7*3 = 46\n", fields));
        Assert.Equal(0, await Score("46", fields));
        Assert.Equal(1, await Score("3*7+25", new Dictionary<string, string> { ["numbers"] = "[3, 7, 25]", ["target"] = "46" })); // as data sets write it
        Assert.Null(await Score("46", new Dictionary<string, string>()));
    }

    [Fact]
    public async Task A_path_is_the_prompt_and_everything_said_since()
    {
        var walks = new RandomWalks(1002);
        var problem = walks.Problems.First(p => p.Answer.Length >= 2);
        var objective = new PathOptimality(walks);
        Assert.Equal(1, await objective.ScoreAsync(Scored.Trajectory(problem.Answer) with { Problem = problem }, default));
        var turn = Scored.Trajectory(problem.Answer[..1]).Turns[0];
        var two = Scored.Trajectory("") with { Problem = problem, Turns = [turn, turn with { Text = problem.Answer[1..] }] };
        Assert.Equal(1, await objective.ScoreAsync(two, default));
        Assert.Equal(0, await objective.ScoreAsync(Scored.Trajectory("?") with { Problem = problem }, default));
        Assert.Null(await objective.ScoreAsync(Scored.Trajectory("a") with { Problem = problem with { Prompt = "?" } }, default));
    }

    [Fact]
    public async Task Tool_cost_and_latency_are_what_was_spent()
    {
        var call = new ToolCall("calc", "1", "1", Seconds: 0.5) { Cost = 2 };
        var turn = Scored.Trajectory("x").Turns[0] with { ToolCalls = [call, call with { Cost = 0, Error = "spent", Seconds = 0 }], Seconds = 1.5 };
        var trajectory = Scored.Trajectory("x") with { Turns = [turn, turn with { ToolCalls = [call with { Cost = 1 }] }] };
        Assert.Equal(-3, await new ToolCost().ScoreAsync(trajectory, default));
        Assert.Equal(-1, await new ToolCost { Free = 2 }.ScoreAsync(trajectory, default));
        Assert.Equal(0, await new ToolCost { Free = 9 }.ScoreAsync(trajectory, default));
        Assert.Equal(-4, await new Latency().ScoreAsync(trajectory, default));
        Assert.Equal(-1, await new Latency { Free = 3 }.ScoreAsync(trajectory, default));
        Assert.Equal(0, await new ToolCost().ScoreAsync(Scored.Failed(), default));
        Assert.Equal(0, await new Latency().ScoreAsync(Scored.Trajectory("x"), default));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ToolCost { Free = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new Latency { Free = double.NaN });
    }
}
