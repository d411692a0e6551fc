using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Environments;

public class EnvironmentTests
{
    private static readonly Problem Question = new("q", "?", "hello");

    [Fact]
    public void Different_problems_of_one_id_are_refused_and_the_same_one_may_come_twice()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello"), TinyModels.Tokenizer);
        var message = Assert.Throws<ArgumentException>(() => new SimpleTextEnvironment(module, [Question, new Problem("q", "!", "hello")])).Message;
        Assert.Contains("the id 'q': \"?\" and \"!\"", message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SimpleTextEnvironment(module, [Question, Question with { Answer = "bye" }]));
        Assert.Throws<ArgumentException>(() => new RlPrimitives.Algorithms.EvaluationPlan { Problems = [Question, Question with { Prompt = "!" }] });
        Assert.Equal(2, new SimpleTextEnvironment(module, [Question, new Problem("q", "?", "hello")]).Problems.Count);
    }

    [Fact]
    public async Task A_response_that_stops_by_itself_ends_the_episode_terminated()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello"), TinyModels.Tokenizer);
        var environment = new SimpleTextEnvironment(module, [Question], maxSteps: 3, SamplingOptions.Greedy);
        var state = await environment.StepAsync(environment.Reset(Question));
        Assert.Equal((true, false, true), (state.IsTerminated, state.IsTruncated, state.IsOver));
        Assert.Equal("hello", Assert.Single(state.Turns).Text);
        Assert.Equal(0, state.Turns[0].Temperature);
    }

    [Fact]
    public async Task A_cut_response_is_continued_token_for_token_until_its_steps_are_used_up()
    {
        using var module = new InferenceModule(TinyModels.Saying("größer als"), TinyModels.Tokenizer);
        var environment = new SimpleTextEnvironment(module, [Question], maxSteps: 3, SamplingOptions.Greedy with { MaxNewTokens = 3 }); // cuts the ö in half
        var state = environment.Reset(Question);
        for (var step = 1; step <= 3; step++)
        {
            Assert.False(state.IsOver);
            state = await environment.StepAsync(state);
            Assert.Equal(step, state.Turns.Length);
        }

        Assert.Equal((false, true), (state.IsTerminated, state.IsTruncated));
        for (var turn = 1; turn < 3; turn++)
        {
            Assert.Equal([.. state.Turns[turn - 1].PromptIds, .. state.Turns[turn - 1].TokenIds], state.Turns[turn].PromptIds);
        }

        Assert.Equal("größer a"[..7], TinyModels.Tokenizer.Decode(state.Turns.SelectMany(t => t.TokenIds).ToArray())[..7]);
    }

    [Fact]
    public async Task A_step_may_ask_for_several_responses_at_once_and_each_has_its_own_random_numbers()
    {
        using var module = TinyModels.FreshModule();
        var environment = new Several(module, [Question]);
        State[] states = [await Once(), await Once()];
        Assert.Equal(4, states[0].Turns.Select(t => string.Join(' ', t.TokenIds)).Distinct().Count());
        Assert.All(states[0].Turns, t => Assert.Equal(environment.BuildPrompt(environment.Reset(Question)), t.PromptIds));
        Assert.Equal(states[0].Turns.SelectMany(t => t.TokenIds), states[1].Turns.SelectMany(t => t.TokenIds));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => new Several(module, [Question], count: 0).StepAsync(new State(Question)));

        async Task<State> Once()
        {
            var batch = await new RolloutManager(environment, new RolloutConfig { Seed = 3 }).CollectAsync(1);
            return new State(Question) { Turns = batch.Trajectories[0].Turns };
        }
    }

    private sealed class Several(InferenceModule inference, IReadOnlyList<Problem> problems, int count = 4)
        : BaseEnvironment(inference, problems, new SamplingOptions { MaxNewTokens = 8 })
    {
        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            var turns = await GenerateAsync(BuildPrompt(state), count, cancellationToken);
            return state with { Turns = [.. turns], IsTerminated = true };
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => throw new NotSupportedException();
    }

    [Fact]
    public async Task A_full_context_truncates_at_once()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello", room: 0), TinyModels.Tokenizer);
        var environment = new SimpleTextEnvironment(module, [Question], maxSteps: 5, SamplingOptions.Greedy with { StopTokenIds = [] });
        Assert.True((await environment.StepAsync(environment.Reset(Question))).IsTruncated);
    }

    [Fact]
    public async Task Other_sampling_leaves_the_environment_as_it_was()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello"), TinyModels.Tokenizer);
        var environment = new SimpleTextEnvironment(module, [Question]);
        var greedy = environment.WithSampling(SamplingOptions.Greedy with { MaxNewTokens = 2 });
        Assert.Equal(1, environment.Sampling.Temperature);
        Assert.Equal("he", (await greedy.StepAsync(greedy.Reset(Question))).Turns[0].Text);
        Assert.Same(environment.Problems, greedy.Problems);
    }

    [Fact]
    public void Features_ride_on_a_state_by_their_type()
    {
        var state = new State(Question);
        Assert.Null(state.Get<Budget>());
        var with = state.With(new Budget(3)).With("note");
        Assert.Null(state.Get<Budget>()); // states are values
        Assert.Equal((3, "note"), (with.Get<Budget>()!.Left, with.Get<string>()));
        Assert.Equal(2, with.With(new Budget(2)).Get<Budget>()!.Left);
        Assert.Equal(3, (with with { IsTruncated = true }).Get<Budget>()!.Left);
    }

    [Fact]
    public void An_environment_needs_problems_and_steps()
    {
        using var module = TinyModels.FreshModule();
        Assert.Throws<ArgumentException>(() => new SimpleTextEnvironment(module, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SimpleTextEnvironment(module, [Question], maxSteps: 0));
    }

    [Fact]
    public void Additions_are_all_there_once_and_right()
    {
        var problems = Arithmetic.Additions(10, 22, seed: 3);
        Assert.Equal(144, problems.Select(p => p.Id).Distinct().Count());
        Assert.All(problems, p => Assert.InRange(int.Parse(p.Fields["first"]), 10, 21));
        Assert.All(problems, p => Assert.Equal(int.Parse(p.Answer), p.Prompt.TrimEnd('=').Split('+').Sum(int.Parse)));
        Assert.Equal(problems.Select(p => p.Id), Arithmetic.Additions(10, 22, seed: 3).Select(p => p.Id));
        Assert.NotEqual(problems.Select(p => p.Id), Arithmetic.Additions(10, 22, seed: 4).Select(p => p.Id));
    }

    private sealed record Budget(int Left);
}
