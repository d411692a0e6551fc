using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Environments;

/// <summary>What every environment keeps to, those in the library and any other: derive, and make one.</summary>
public abstract class EnvironmentContract
{
    private static readonly Problem[] Some = [.. Enumerable.Range(0, 6).Select(i => new Problem($"p{i}", "abcdef"[..(i + 1)], "", new Dictionary<string, string> { ["next"] = $"more {i}" }))];

    private static readonly SamplingOptions Short = new() { MaxNewTokens = 12 };

    /// <summary>The environment, whose responses are random bytes.</summary>
    internal abstract BaseEnvironment Create(InferenceModule module, IReadOnlyList<Problem> problems, SamplingOptions sampling);

    /// <summary>Whether each prompt continues the last one: false only where an environment asks anew by design.</summary>
    protected virtual bool Continues => true;

    [Fact]
    public async Task The_same_seed_gives_the_same_trajectories()
    {
        var first = await Collect(seed: 3);
        Assert.Equal(Tokens(first), Tokens(await Collect(seed: 3)));
        Assert.NotEqual(Tokens(first), Tokens(await Collect(seed: 4)));
    }

    [Fact]
    public async Task Concurrent_episodes_share_nothing()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var environment = Create(module, Some, Short).WithSampling(SamplingOptions.Greedy with { MaxNewTokens = 5 });
        var alone = new List<string>();
        foreach (var problem in Some)
        {
            var state = environment.Reset(problem);
            for (var step = 0; step < 4 && !state.IsOver; step++)
            {
                state = await environment.StepAsync(state).Ends();
            }

            alone.Add(Tokens(state));
        }

        var states = Array.ConvertAll(Some, environment.Reset);
        for (var step = 0; step < 4; step++)
        {
            states = await Task.WhenAll(states.Reverse().Select(s => s.IsOver ? Task.FromResult(s) : environment.StepAsync(s)).Reverse()).Ends();
        }

        Assert.Equal(alone, states.Select(Tokens));
    }

    [Fact]
    public async Task A_step_leaves_the_state_it_was_given_as_it_was_and_can_be_taken_again()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var environment = Create(module, Some, Short).WithSampling(SamplingOptions.Greedy with { MaxNewTokens = 5 });
        var state = environment.Reset(Some[2]);
        var one = await environment.StepAsync(state).Ends();
        Assert.Empty(state.Turns);
        Assert.False(state.IsOver);
        Assert.Equal(Tokens(one), Tokens(await environment.StepAsync(state).Ends()));
        Assert.Same(Some[2], one.Problem);
    }

    [Fact]
    public async Task Every_episode_ends_terminated_or_truncated_and_not_both()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var environment = Create(module, Some, Short);
        foreach (var problem in Some)
        {
            var state = environment.Reset(problem);
            for (var step = 0; !state.IsOver; step++)
            {
                Assert.True(step < 100, "it does not end");
                var next = await environment.StepAsync(state).Ends();
                Assert.True(next.IsOver || next.Turns.Length > state.Turns.Length, "a step without a turn that ends nothing");
                state = next;
            }

            Assert.NotEqual(state.IsTerminated, state.IsTruncated);
        }
    }

    [Fact]
    public async Task Prompts_continue_token_for_token_and_only_what_was_sampled_is_trained_on()
    {
        foreach (var trajectory in await Collect(seed: 5))
        {
            Assert.Null(trajectory.Error);
            foreach (var (before, after) in trajectory.Turns.Zip(trajectory.Turns.Skip(1)))
            {
                if (Continues)
                {
                    Assert.Equal([.. before.PromptIds, .. before.TokenIds], after.PromptIds.Take(before.PromptIds.Length + before.TokenIds.Length));
                }
            }

            Assert.All(trajectory.Turns, t => Assert.True(t.Seconds > 0, "a turn without its time"));
            var rows = TrainingRow.From(trajectory, 1).ToArray();
            Assert.True(!Continues || rows.Length == 1);
            Assert.Equal(trajectory.Turns.SelectMany(t => t.TokenIds), rows.SelectMany(r => r.Trained.Select(place => r.Ids[place])));
            Assert.Equal(trajectory.Turns.SelectMany(t => t.LogProbs), rows.SelectMany(r => r.OldLogProbs));
            if (Continues)
            {
                // Every place that is not trained on is of a prompt: exactly what the last turn saw, less what was sampled.
                Assert.Equal(trajectory.Turns[^1].PromptIds.Length + trajectory.Turns[^1].TokenIds.Length, rows[0].Ids.Length);
                var places = trajectory.Turns.SelectMany(t => Enumerable.Range(t.PromptIds.Length, t.TokenIds.Length));
                Assert.Equal(places, rows[0].Trained);
            }
        }
    }

    [Fact]
    public async Task A_full_context_truncates_and_does_not_fail()
    {
        using var module = TinyModels.FreshModule(context: 40);
        var sampling = Short with { StopTokenIds = [], MaxNewTokens = 30 };
        var batch = await new RolloutManager(Create(module, Some, sampling), new RolloutConfig { Seed = 1 }).CollectAsync(Some[..2]).Ends();
        Assert.All(batch.Trajectories, t => Assert.Null(t.Error));
        Assert.All(batch.Trajectories, t => Assert.All(t.Turns, turn => Assert.True(turn.PromptIds.Length + turn.TokenIds.Length <= 40)));
    }

    [Fact]
    public async Task A_cancelled_step_throws_and_leaves_the_module_usable()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var environment = Create(module, Some, Short);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => environment.StepAsync(environment.Reset(Some[0]), cancelled.Token).Ends());
        Assert.NotEmpty((await environment.StepAsync(environment.Reset(Some[0])).Ends()).Turns);
    }

    [Fact]
    public async Task Other_sampling_is_another_environment_on_the_same_problems()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var environment = Create(module, Some, Short);
        var other = environment.WithSampling(Short with { MaxNewTokens = 2, Temperature = 0.5f });
        Assert.Equal((12, 2), (environment.Sampling.MaxNewTokens, other.Sampling.MaxNewTokens));
        var state = await other.StepAsync(other.Reset(Some[0])).Ends();
        Assert.All(state.Turns, t => Assert.True(t.TokenIds.Length <= 2 && t.Temperature == 0.5f));
        Assert.Same(environment.Problems, other.Problems);
        Assert.Same(environment.Inference, other.Inference);
        Assert.Equal(environment.GetType(), other.GetType());
    }

    private static string Tokens(State state) => string.Join(" | ", state.Turns.Select(t => string.Join(',', t.PromptIds) + ">" + string.Join(',', t.TokenIds)));

    private static string Tokens(IEnumerable<Trajectory> all) => string.Join('\n', all.Select(t => Tokens(new State(t.Problem) { Turns = t.Turns })));

    private async Task<IReadOnlyList<Trajectory>> Collect(ulong seed)
    {
        using var module = TinyModels.FreshModule(context: 512);
        var manager = new RolloutManager(Create(module, Some, Short), new RolloutConfig { Seed = seed, GroupSize = 2, NumParallel = 5 });
        return (await manager.CollectAsync(12).Ends()).Trajectories;
    }
}
