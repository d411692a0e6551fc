using System.Collections.Immutable;
using Microsoft.Extensions.AI;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Environments;

public class SvrlEnvironmentTests
{
    private static readonly Problem Product = new("p", "12*3=", "36");

    [Fact]
    public async Task A_call_is_answered_in_place_and_the_response_goes_on_behind_it()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("{36}", StringComparison.Ordinal) ? "36" : "[calc: 12*3]");
        var trajectory = await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()]));
        Assert.Equal((TrajectoryStatus.Terminated, "36", 2), (trajectory.Status, trajectory.Response, trajectory.Turns.Length));
        var call = Assert.Single(trajectory.Turns[0].ToolCalls);
        Assert.Equal(("calc", "12*3", "36", null, 1), (call.Tool, call.Arguments, call.Result, call.Error, call.Cost));
        Assert.Empty(trajectory.Turns[1].ToolCalls);
        Assert.Equal("12*3=[calc: 12*3]{36}36<|end|>", Text(module, trajectory));
    }

    [Fact]
    public async Task Only_what_was_sampled_is_trained_on_and_no_result()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("{36}", StringComparison.Ordinal) ? "36" : "[calc: 12*3]");
        var row = Assert.Single(TrainingRow.From(await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()])), 1));
        var trained = row.Trained.ToHashSet();
        var text = string.Concat(row.Ids.Select((id, i) => trained.Contains(i) ? "x" : module.Tokenizer.Decode([id])));
        Assert.Equal("12*3=xxxxxxxxxxxx{36}xxx", text);
    }

    [Fact]
    public async Task The_budget_is_kept_by_the_environment_whatever_the_model_asks()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("spent", StringComparison.Ordinal) ? "0" : "[calc: 1+1]");
        var trajectory = await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()], new SvrlOptions { Budget = 2 }));
        var calls = trajectory.Turns.SelectMany(t => t.ToolCalls).ToArray();
        Assert.Equal([1, 1, 0], calls.Select(c => c.Cost));
        Assert.Equal("error: the budget is spent (0 of 2 left)", calls[2].Result);
        Assert.Equal((TrajectoryStatus.Terminated, 4), (trajectory.Status, trajectory.Turns.Length));
    }

    [Fact]
    public async Task A_budget_of_the_problem_goes_before_the_options()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("spent", StringComparison.Ordinal) ? "0" : "[calc: 1+1]");
        var environment = new SvrlEnvironment(new Budgeted(module, [Product]), [Calculator.Tool()], new SvrlOptions { Budget = 9 });
        Assert.Equal(1, environment.Reset(Product).Get<ToolBudget>()!.Left);
        Assert.Equal(1, (await Run(environment)).Turns.Sum(t => t.ToolCalls.Sum(c => c.Cost)));
    }

    [Fact]
    public async Task Dear_tools_spend_more_and_mistakes_spend_too()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("spent", StringComparison.Ordinal) ? "0" : p.Contains("no tool", StringComparison.Ordinal) ? "[dear: 1]" : "[none: 1]");
        var costs = ImmutableDictionary<string, int>.Empty.Add("dear", 3);
        var environment = new SvrlEnvironment(
            Task(module), [Calculator.Tool("dear")], new SvrlOptions { Budget = 5, Tools = new ToolOptions { Costs = costs } });
        Assert.Equal([1, 3, 0], (await Run(environment)).Turns.SelectMany(t => t.ToolCalls).Select(c => c.Cost));
    }

    [Fact]
    public async Task A_model_that_only_calls_is_truncated()
    {
        using var module = ScriptedBackend.Module(_ => "[calc: 1/0]");
        var trajectory = await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()], new SvrlOptions { MaxTurns = 5 }));
        Assert.Equal((TrajectoryStatus.Truncated, 5), (trajectory.Status, trajectory.Turns.Length));
        Assert.Equal("error: division by zero", trajectory.Turns[0].ToolCalls[0].Result);
    }

    [Fact]
    public async Task A_bracket_that_ends_no_call_does_not_end_the_answer()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("[1, 2]", StringComparison.Ordinal) ? " is the list" : "[1, 2]");
        var trajectory = await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()]));
        Assert.Equal("12*3=[1, 2] is the list<|end|>", Text(module, trajectory));
        Assert.Equal(TrajectoryStatus.Terminated, trajectory.Status);
        Assert.Empty(trajectory.Turns.SelectMany(t => t.ToolCalls));
    }

    [Fact]
    public async Task A_stop_string_of_the_task_ends_the_answer_as_without_tools()
    {
        using var module = ScriptedBackend.Module(_ => "36;[calc: 1]");
        var task = new SimpleTextEnvironment(module, [Product], 1, new SamplingOptions { StopStrings = [";"] });
        var trajectory = await Run(new SvrlEnvironment(task, [Calculator.Tool()]));
        Assert.Equal((TrajectoryStatus.Terminated, "36", 1), (trajectory.Status, trajectory.Response, trajectory.Turns.Length));
    }

    [Fact]
    public async Task A_response_that_was_cut_off_calls_nothing()
    {
        using var module = ScriptedBackend.Module(_ => "<tool_call>{\"name\": \"calc\"}</tool_call> and more");
        var task = new SimpleTextEnvironment(module, [Product], 1, new SamplingOptions { MaxNewTokens = 40 });
        var trajectory = await Run(new SvrlEnvironment(task, [Calculator.Tool()], new SvrlOptions { Format = new HermesToolFormat() }));
        Assert.Equal(TrajectoryStatus.Truncated, trajectory.Status);
        Assert.Empty(trajectory.Turns[0].ToolCalls);
    }

    [Fact]
    public async Task A_review_is_asked_for_once_and_the_revised_answer_stands()
    {
        using var module = ScriptedBackend.Module(p =>
            p.EndsWith("{36}", StringComparison.Ordinal) ? "36" : p.EndsWith("Sure? ", StringComparison.Ordinal) ? "[calc: 12*3]" : "35");
        var trajectory = await Run(new SvrlEnvironment(Task(module), [Calculator.Tool()], new SvrlOptions { Review = " Sure? " }));
        Assert.Equal("12*3=35<|end|> Sure? [calc: 12*3]{36}36<|end|>", Text(module, trajectory));
        Assert.Equal((TrajectoryStatus.Terminated, "36"), (trajectory.Status, trajectory.Response));
        using var poor = ScriptedBackend.Module(_ => "35");
        Assert.Single((await Run(new SvrlEnvironment(Task(poor), [Calculator.Tool()], new SvrlOptions { Review = "Sure?", Budget = 0 }))).Turns); // nothing to verify with
        Assert.Equal(2, (await Run(new SvrlEnvironment(Task(poor), [Calculator.Tool()], new SvrlOptions { Review = "Sure?" }))).Turns.Length);
    }

    [Fact]
    public async Task Several_calls_of_one_message_are_answered_in_order_and_not_without_end()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("<tool_response>", StringComparison.Ordinal) ? "done" : string.Concat(
            Enumerable.Range(1, 5).Select(i => $"<tool_call>{{\"name\": \"calc\", \"arguments\": {{\"expression\": \"{i}\"}}}}</tool_call>")));
        var environment = new SvrlEnvironment(
            new SimpleTextEnvironment(module, [Product], 1, new SamplingOptions { MaxNewTokens = 1000 }), [Calculator.Tool()],
            new SvrlOptions { Format = new HermesToolFormat(), Budget = 9, Tools = new ToolOptions { MaxCalls = 3 } });
        var trajectory = await Run(environment);
        Assert.Equal(["1", "2", "3", "error: only the first 3 calls of a response are answered"], trajectory.Turns[0].ToolCalls.Select(c => c.Result));
        Assert.Contains("<tool_response>\n2\n</tool_response>", Text(module, trajectory), StringComparison.Ordinal);
        Assert.Equal("done", trajectory.Response);
    }

    [Fact]
    public async Task A_task_that_takes_its_own_steps_has_the_calls_of_its_last_response_answered()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("{36}", StringComparison.Ordinal) ? "36" : p.EndsWith('=') ? "draft " : "[calc: 12*3]");
        var task = new CustomContractTests.AskTwice(module, [Product], new SamplingOptions { StopTokenIds = [] });
        var trajectory = await Run(new SvrlEnvironment(task, [Calculator.Tool()]));
        Assert.Equal("12*3=draft <|end|>[calc: 12*3]{36}36<|end|>", Text(module, trajectory));
        Assert.Equal((TrajectoryStatus.Terminated, 3), (trajectory.Status, trajectory.Turns.Length));
    }

    [Fact]
    public async Task A_hanging_tool_ends_at_its_limit_and_the_model_is_told()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("no answer", StringComparison.Ordinal) ? "36" : "[wait: x]");
        var wait = AIFunctionFactory.Create(async (string x, CancellationToken c) => { await System.Threading.Tasks.Task.Delay(Timeout.Infinite, c); return x; }, "wait");
        var environment = new SvrlEnvironment(Task(module), [wait], new SvrlOptions { Tools = new ToolOptions { Timeout = TimeSpan.FromMilliseconds(30) } });
        var trajectory = await Run(environment).Ends();
        Assert.Equal((TrajectoryStatus.Terminated, "36"), (trajectory.Status, trajectory.Response));
        Assert.NotNull(trajectory.Turns[0].ToolCalls[0].Error);
    }

    [Fact]
    public async Task A_pareto_task_with_self_verification_is_three_lines()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("{36}", StringComparison.Ordinal) ? "36" : p.Length % 2 == 1 ? "[calc: 12*3]" : "35");
        Problem[] problems = [Product, Product with { Id = "q", Prompt = "12*3 =" }];
        var environment = new SvrlEnvironment(new SimpleTextEnvironment(module, problems), [Calculator.Tool()], new SvrlOptions { Budget = 3 });
        var batch = await new RolloutManager(environment, new RolloutConfig { GroupSize = 1 }).CollectAsync(problems);
        var rewards = await new ParetoRewardComputer(new ExactMatch(), new ToolCost()) { Method = RewardMethod.Pareto(ParetoScope.Batch, TieBreak.None) }.ComputeRewardsAsync(batch.Trajectories);
        Assert.Equal([1, 0], rewards.Objectives["exact_match"]);
        Assert.Equal([-1, 0], rewards.Objectives["tool_cost"]);
        Assert.Equal([0.5f, 0.5f], rewards.Totals); // right but dear, wrong but cheap: neither dominates
    }

    [Fact]
    public void One_self_verification_is_enough()
    {
        using var module = ScriptedBackend.Module(_ => "");
        var environment = new SvrlEnvironment(Task(module), [Calculator.Tool()]);
        Assert.Contains("give it all the tools", Assert.Throws<ArgumentException>(() => new SvrlEnvironment(environment, [Calculator.Tool()])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SvrlEnvironment(Task(module), []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SvrlOptions { Budget = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SvrlOptions { MaxTurns = 0 });
        Assert.IsType<SimpleTextEnvironment>(environment.Inner);
        Assert.Contains("]", environment.Sampling.StopStrings);
    }

    private static SimpleTextEnvironment Task(InferenceModule module) => new(module, [Product]);

    private static async Task<Trajectory> Run(BaseEnvironment environment)
    {
        var trajectory = (await new RolloutManager(environment, new RolloutConfig()).CollectAsync(1)).Trajectories[0];
        Assert.Null(trajectory.Error);
        return trajectory;
    }

    /// <summary>Everything said, special tokens included.</summary>
    private static string Text(InferenceModule module, Trajectory trajectory) =>
        module.Tokenizer.Decode([.. trajectory.Turns[^1].PromptIds, .. trajectory.Turns[^1].TokenIds], skipSpecialTokens: false);

    private sealed class Budgeted(InferenceModule inference, IReadOnlyList<Problem> problems) : BaseEnvironment(inference, problems)
    {
        public override State Reset(Problem problem) => base.Reset(problem).With(new ToolBudget(1));

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state with { IsTerminated = true });
    }
}
