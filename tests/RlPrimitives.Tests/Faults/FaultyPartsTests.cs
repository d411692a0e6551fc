using Microsoft.Extensions.AI;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Backprop;
using RlPrimitives.Tests.Rollouts;

namespace RlPrimitives.Tests.Faults;

/// <summary>A training whose environment, tool or objective misbehaves: it says so, and goes on or ends; it never hangs, and nothing becomes 0 in silence.</summary>
public class FaultyPartsTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 4).Select(i => new Problem($"{i}", $"{i}", ""))];
    private static readonly SamplingOptions Three = new() { MaxNewTokens = 3 };

    [Theory]
    [InlineData("throws", "it broke")]
    [InlineData("hangs", "StepTimeout")]
    [InlineData("hangs without awaiting", "StepTimeout")]
    [InlineData("returns null", "StepAsync returned null")]
    [InlineData("has no turns", "without a list of turns")]
    [InlineData("has a null turn", "a turn that is null")]
    [InlineData("lacks log-probs", "a turn of 3 sampled ids and 2 log-probs")]
    [InlineData("has a negative id", "negative id")]
    [InlineData("has a NaN log-prob", "log-prob that is not a number")]
    [InlineData("answers an empty prompt", "empty prompt")]
    public async Task An_environment_at_fault_fails_its_trajectories_and_the_others_are_trained_on(string fault, string says)
    {
        using var run = new Run(module => new Faulty(module, Problems, fault), t => t.Member, new RolloutConfig { GroupSize = 4, StepTimeout = TimeSpan.FromMilliseconds(300) });
        var before = BackpropModuleTests.Values(run.Inference.Model);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((16, 4), (step.Rollouts.Trajectories, step.Rollouts.Failed)); // those of problem 0
        Assert.Contains(says, string.Join('\n', run.Collected.Where(t => t.Status == TrajectoryStatus.Failed).Select(t => t.Error)), StringComparison.Ordinal);
        Assert.Equal(12, step.Rewards.Length); // no 0 for the failed ones
        Assert.NotEqual(before, BackpropModuleTests.Values(run.Inference.Model));
    }

    [Fact]
    public async Task An_id_outside_of_the_vocabulary_is_refused_by_row_before_it_reaches_native_code()
    {
        using var run = new Run(module => new Faulty(module, Problems, "has an unknown id"), t => t.Member);
        var error = await Assert.ThrowsAsync<ArgumentException>(() => run.Algorithm.TrainAsync(1).Ends());
        Assert.Contains("token id 100000", error.Message, StringComparison.Ordinal);
        run.IsHealed = true;
        Assert.Equal(1, (await run.Algorithm.TrainAsync(1).Ends())[0].Update.OptimizerSteps);
    }

    [Fact]
    public async Task An_environment_that_always_fails_is_no_update_and_an_alarm()
    {
        using var run = new Run(module => new Faulty(module, [Problems[0]], "throws"), t => 1);
        var before = BackpropModuleTests.Values(run.Inference.Model);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((16, 0, 0), (step.Rollouts.Failed, step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.Contains(step.Alarms, a => a.Name == "failures");
        Assert.Equal(before, BackpropModuleTests.Values(run.Inference.Model));
    }

    [Theory]
    [InlineData("throws", "Objective 'faulty' threw on problem", "it broke")]
    [InlineData("NaN", "Objective 'faulty' threw on problem", "NaN")]
    [InlineData("hangs", "Objective 'faulty' took longer than 00:00:00.3", "on problem")]
    [InlineData("hangs without awaiting", "Objective 'faulty' took longer than 00:00:00.3", "on problem")]
    public async Task An_objective_at_fault_ends_the_training_by_name_and_it_can_go_on(string fault, string says, string also)
    {
        var objective = new FaultyObjective(fault);
        using var run = new Run(null, rewards: new RewardComputer(new RewardOptions { Timeout = TimeSpan.FromMilliseconds(300) }, (objective, 1f)));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => run.Algorithm.TrainAsync(1).Ends());
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Contains(also, error.Message, StringComparison.Ordinal);
        objective.IsHealed = true;
        Assert.Equal(16, (await run.Algorithm.TrainAsync(1).Ends())[0].Rewards.Length);
    }

    [Fact]
    public async Task Objectives_that_may_fail_are_counted_and_an_objective_that_always_abstains_is_an_alarm()
    {
        using var run = new Run(null, rewards: new RewardComputer(
            new RewardOptions { Timeout = TimeSpan.FromMilliseconds(300), AbstainOnFailure = true }, (new FaultyObjective("NaN"), 1f), (new FaultyObjective("abstains"), 1f)));
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((0, 0), (step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.True(double.IsNaN(step.RewardMean));
        Assert.Contains("every objective abstained", Assert.Single(step.Alarms, a => a.Name == "no rewards").Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one too few", "15 rewards for 16 trajectories")]
    [InlineData("one too many", "17 rewards for 16 trajectories")]
    [InlineData("none", "0 rewards for 16 trajectories")]
    [InlineData("NaN", "NaN among the rewards, on problem")]
    [InlineData("infinite", "Infinity among the rewards, on problem")]
    [InlineData("scores of another batch", "3 scores of 'reward' for 16 trajectories")]
    public async Task A_reward_computer_that_returns_nonsense_is_named_with_what_it_returned(string fault, string says)
    {
        using var run = new Run(null, rewards: new FaultyComputer(fault));
        var before = BackpropModuleTests.Values(run.Inference.Model);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => run.Algorithm.TrainAsync(1).Ends());
        Assert.StartsWith("FaultyComputer returned", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Equal(before, BackpropModuleTests.Values(run.Inference.Model));
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("hangs without awaiting")]
    [InlineData("prints 100 MB")]
    [InlineData("throws")]
    public async Task A_tool_at_fault_is_an_answer_within_its_limits(string fault)
    {
        var huge = fault.StartsWith("prints", StringComparison.Ordinal) ? new string('x', 100_000_000) : "";
        using var stop = new ManualResetEventSlim();
        var tool = AIFunctionFactory.Create(
            async (string x) =>
            {
                if (fault == "throws")
                {
                    throw new InvalidOperationException(x);
                }

                if (fault == "hangs without awaiting")
                {
                    stop.Wait();
                }

                await (fault == "hangs" ? Task.Delay(Timeout.Infinite) : Task.CompletedTask);
                return huge;
            },
            "tool");
        using var module = ScriptedBackend.Module(prompt => prompt.EndsWith("go", StringComparison.Ordinal) ? "[tool: y]" : "done");
        var environment = new SvrlEnvironment(
            new SimpleTextEnvironment(module, [new Problem("p", "go", "")], sampling: new SamplingOptions { MaxNewTokens = 4000 }), [tool],
            new SvrlOptions { Budget = 1, Tools = new ToolOptions { Timeout = TimeSpan.FromSeconds(fault[0] == 'h' ? 0.3 : 30) } });
        var batch = await new RolloutManager(environment, new RolloutConfig { GroupSize = 2 }).CollectAsync(2).Ends();
        stop.Set();
        Assert.All(batch.Trajectories, t =>
        {
            var call = Assert.Single(t.Turns.SelectMany(turn => turn.ToolCalls));
            Assert.InRange(call.Result.Length, 1, 2100);
            Assert.Contains(fault[0] switch { 'h' => "no answer within 0.3 s", 'p' => "99998000 more characters", _ => "error: y" }, call.Result, StringComparison.Ordinal);
            Assert.Equal(TrajectoryStatus.Terminated, t.Status);
        });
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("long", "context")]
    public async Task A_prompt_that_cannot_be_answered_fails_its_trajectories_with_the_reason(string prompt, string says)
    {
        var text = prompt == "long" ? new string('x', 200) : prompt; // of a context of 128
        using var run = new Run(module => new SimpleTextEnvironment(module, [new Problem("bad", text, ""), new Problem("good", "1", "")], sampling: Three), t => t.Member);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((8, 8), (step.Rollouts.Failed, step.Rewards.Length));
        Assert.All(run.Collected.Where(t => t.Problem.Id == "bad"), t => Assert.Contains(says, t.Error!, StringComparison.Ordinal));
        Assert.Contains(step.Alarms, a => a.Name == "failures");
        Assert.Equal(1, step.Update.OptimizerSteps);
    }

    [Fact]
    public async Task A_prompt_of_special_tokens_alone_is_a_prompt()
    {
        using var run = new Run(module => new SimpleTextEnvironment(module, [new Problem("s", "<|end|><|pad|><|end|>", "")], sampling: Three), t => t.Member);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((0, 16, 1), (step.Rollouts.Failed, step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.All(run.Collected, t => Assert.Equal([256, 257, 256], t.Turns[0].PromptIds));
    }

    [Fact]
    public async Task No_trajectories_have_no_rewards_and_are_nothing_to_train_on()
    {
        using var run = new Run(null, t => 1);
        Assert.Empty((await RewardComputer.From(_ => 1f).ComputeRewardsAsync([])).Totals);
        Assert.Empty(Advantages.GroupRelative(ReadOnlySpan<float?>.Empty, ReadOnlySpan<int>.Empty, GroupConvention.Trl));
        Assert.Contains("nothing to train on", (await Assert.ThrowsAsync<ArgumentException>(() => run.Backprop.UpdateAsync([]))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => run.Rollouts.CollectAsync(0));
    }

    [Fact]
    public async Task One_trajectory_is_a_batch_and_teaches_nothing_by_comparison()
    {
        using var module = TinyModels.FreshModule(1, spread: 0.1);
        using var backprop = new BackpropModule(module.Model, new BackpropConfig { LearningRate = 1e-3 });
        var environment = new SimpleTextEnvironment(module, Problems, sampling: Three);
        var algorithm = new ReinforceAlgorithm(environment, new RolloutManager(environment, new RolloutConfig()), RewardComputer.From(_ => 1f), backprop, new AlgorithmConfig { BatchSize = 1 });
        var before = BackpropModuleTests.Values(module.Model);
        var step = (await algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((1, 0f, 1.0), (step.Rewards.Length, step.Advantages[0], step.ZeroVarianceFraction));
        Assert.Contains(step.Alarms, a => a.Name == "no signal");
        Assert.Equal(before, BackpropModuleTests.Values(module.Model));
    }

    [Fact]
    public void A_group_of_one_is_refused_where_members_are_compared() => Assert.Contains(
        "GroupSize", Assert.Throws<ArgumentException>(() => new Run(null, t => 1, new RolloutConfig { GroupSize = 1 })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_batch_that_is_truncated_throughout_is_an_alarm(bool masks)
    {
        using var run = new Run(
            module => new ScriptedEnvironment(module, Problems, Three), t => t.Member, new RolloutConfig { GroupSize = 4, MaxSteps = 1 },
            config: new AlgorithmConfig { BatchSize = 16, MasksTruncated = masks });
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal(1, step.Rollouts.TruncatedFraction);
        Assert.Contains(step.Alarms, a => a.Name == "truncation");
        Assert.Equal(masks ? 0 : 1, step.Update.OptimizerSteps);
    }

    private sealed class Run : IDisposable
    {
        private readonly Faulty? faulty;

        public Run(
            Func<InferenceModule, BaseEnvironment>? environment, Func<Trajectory, float?>? score = null, RolloutConfig? rollouts = null, IRewardComputer? rewards = null, AlgorithmConfig? config = null)
        {
            Inference = TinyModels.FreshModule(1, spread: 0.1);
            Backprop = new BackpropModule(Inference.Model, new BackpropConfig { LearningRate = 1e-2 });
            var env = environment?.Invoke(Inference) ?? new SimpleTextEnvironment(Inference, Problems, sampling: Three);
            faulty = env as Faulty;
            Rollouts = new RolloutManager(env, rollouts ?? new RolloutConfig { GroupSize = 4 });
            Algorithm = new GrpoAlgorithm(env, Rollouts, rewards ?? new Seeing(RewardComputer.From(score!), Collected), Backprop, config ?? new AlgorithmConfig { BatchSize = 16 });
        }

        public InferenceModule Inference { get; }

        public BackpropModule Backprop { get; }

        public RolloutManager Rollouts { get; }

        public GrpoAlgorithm Algorithm { get; }

        public List<Trajectory> Collected { get; } = [];

        public bool IsHealed
        {
            set => faulty!.IsHealed = value;
        }

        public void Dispose()
        {
            faulty?.Dispose();
            Backprop.Dispose();
            Inference.Dispose();
        }

        private sealed class Seeing(IRewardComputer inner, List<Trajectory> collected) : IRewardComputer
        {
            public Task<RewardBatch> ComputeRewardsAsync(IReadOnlyList<Trajectory> trajectories, IRewardMethod? method, CancellationToken cancellationToken)
            {
                collected.Clear();
                collected.AddRange(trajectories);
                return inner.ComputeRewardsAsync(trajectories, method, cancellationToken);
            }
        }
    }

    /// <summary>One exchange; on problem 0 something is wrong.</summary>
    private sealed class Faulty(InferenceModule inference, IReadOnlyList<Problem> problems, string fault) : BaseEnvironment(inference, problems, Three), IDisposable
    {
        private readonly ManualResetEventSlim release = new();

        public bool IsHealed { get; set; }

        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            if (state.Problem.Id != "0" || IsHealed)
            {
                return await base.StepAsync(state, cancellationToken);
            }

            Turn Made(int[] prompt, int[] ids, float[] logProbs) => new(prompt, ids, logProbs, "abc", StopReason.MaxNewTokens, 1);
            State With(Turn turn) => state.Append(turn) with { IsTruncated = true };
            switch (fault)
            {
                case "throws":
                    throw new InvalidOperationException("it broke");
                case "hangs":
                    await Task.Delay(Timeout.Infinite, CancellationToken.None);
                    return state;
                case "hangs without awaiting":
                    release.Wait(CancellationToken.None);
                    return state;
                default:
                    return fault switch
                    {
                        "returns null" => null!,
                        "has no turns" => state with { Turns = default },
                        "has a null turn" => state with { Turns = [null!] },
                        "lacks log-probs" => With(Made([1], [2, 3, 4], [-1, -1])),
                        "has a negative id" => With(Made([1], [2, -3], [-1, -1])),
                        "has a NaN log-prob" => With(Made([1], [2], [float.NaN])),
                        "has an unknown id" => With(Made([1], [100_000], [-1])),
                        _ => With(Made([], [2], [-1])),
                    };
            }
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state with { IsTruncated = true });

        public void Dispose() => release.Set();
    }

    private sealed class FaultyObjective(string fault) : IObjective
    {
        private readonly TaskCompletionSource release = new();

        public string Name => fault == "abstains" ? "abstaining" : "faulty";

        public bool IsHealed
        {
            get;
            set
            {
                field = value;
                release.TrySetResult();
            }
        }

        public async ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
        {
            if (IsHealed || (trajectory.Member != 1 && fault is not ("abstains" or "NaN")))
            {
                return trajectory.Member;
            }

            switch (fault)
            {
                case "throws":
                    throw new InvalidOperationException("it broke");
                case "hangs":
                    await Task.Delay(Timeout.Infinite, CancellationToken.None);
                    break;
                case "hangs without awaiting":
                    release.Task.Wait(CancellationToken.None);
                    break;
            }

            return fault == "abstains" ? null : float.NaN;
        }
    }

    private sealed class FaultyComputer(string fault) : IRewardComputer
    {
        public Task<RewardBatch> ComputeRewardsAsync(IReadOnlyList<Trajectory> trajectories, IRewardMethod? method, CancellationToken cancellationToken)
        {
            var totals = trajectories.Select(_ => (float?)1).ToArray();
            var scores = new Dictionary<string, float?[]>();
            switch (fault)
            {
                case "one too few":
                    totals = totals[1..];
                    break;
                case "one too many":
                    totals = [.. totals, 1];
                    break;
                case "none":
                    totals = [];
                    break;
                case "NaN":
                    totals[3] = float.NaN;
                    break;
                case "infinite":
                    totals[3] = float.PositiveInfinity;
                    break;
                default:
                    scores["reward"] = [1, 2, 3];
                    break;
            }

            return Task.FromResult(new RewardBatch(totals, scores, method ?? RewardMethod.Absolute));
        }
    }
}
