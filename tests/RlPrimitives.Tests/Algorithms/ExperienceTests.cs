using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>What an algorithm does around its mathematics: sampling again, penalties, warnings, evaluation.</summary>
public class ExperienceTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", $"{i}", ""))];

    [Fact]
    public async Task Dynamic_sampling_trains_on_groups_with_variance_only_and_records_all()
    {
        // Odd problems are unanimous: of 8 groups 4 are kept, so a second and a third collection are needed.
        using var run = new Run(t => int.Parse(t.Problem.Id) % 2 == 1 ? 1 : t.Member, new AlgorithmConfig { BatchSize = 32, DynamicSampling = new DynamicSampling { MaxRounds = 9 } });
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.True(step.SamplingRounds > 1);
        Assert.Equal(step.Rollouts.Trajectories, step.Rewards.Length);
        Assert.True(step.Rewards.Length > 32);
        Assert.Equal(32, step.Rewards.Zip(step.Advantages).Count(p => p.Second != 0)); // members 0 … 3 of each group differ, none is at the mean
        Assert.True(step.ZeroVarianceFraction is > 0.2 and < 0.9, $"{step.ZeroVarianceFraction}");
        Assert.InRange(step.Timings!.SlotOccupancy!.Value, 0.01, 1); // of all collections together
    }

    [Fact]
    public async Task Dynamic_sampling_gives_up_at_its_cap_and_trains_on_what_there_is()
    {
        using var run = new Run(t => t.Problem.Id == "3" ? t.Member : 1, new AlgorithmConfig { BatchSize = 32, DynamicSampling = new DynamicSampling { MaxRounds = 2 } });
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.Equal(2, step.SamplingRounds);
        Assert.InRange(step.Rewards.Zip(step.Advantages).Count(p => p.Second != 0), 0, 8);
        using var none = new Run(_ => 1, new AlgorithmConfig { BatchSize = 32, DynamicSampling = new DynamicSampling { MaxRounds = 3 } });
        var nothing = (await none.Algorithm.TrainAsync(1))[0];
        Assert.Equal((3, 0, 1.0), (nothing.SamplingRounds, nothing.Update.OptimizerSteps, nothing.ZeroVarianceFraction));
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public async Task Without_groups_the_batch_is_what_has_variance_or_not(bool unanimous, double expected)
    {
        using var inference = TinyModels.FreshModule(1, spread: 0.1);
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig());
        var environment = new SimpleTextEnvironment(inference, Problems, sampling: new SamplingOptions { MaxNewTokens = 3 });
        var algorithm = new ReinforceAlgorithm(
            environment, new RolloutManager(environment, new RolloutConfig()), RewardComputer.From(t => unanimous ? 1f : t.Group), backprop, new AlgorithmConfig { BatchSize = 8 });
        Assert.Equal(expected, (await algorithm.TrainAsync(1))[0].ZeroVarianceFraction);
    }

    [Fact]
    public async Task Variance_is_looked_for_in_the_objective_named()
    {
        var rewards = new RewardComputer((Score("outcome", t => t.Group % 2 == 0 ? t.Member : 1), 1), (Score("style", t => t.Member), 1));
        using var run = new Run(rewards, new AlgorithmConfig { BatchSize = 32, DynamicSampling = new DynamicSampling { MaxRounds = 1, Objective = "outcome" } });
        Assert.Equal(16, (await run.Algorithm.TrainAsync(1))[0].Advantages.Count(a => a != 0));
        using var typo = new Run(rewards, new AlgorithmConfig { BatchSize = 32, DynamicSampling = new DynamicSampling { Objective = "outcom" } });
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => typo.Algorithm.TrainAsync(1));
        Assert.Contains("outcome, style", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_responses_pay_before_the_limit()
    {
        using var run = new Run(_ => 1, new AlgorithmConfig { BatchSize = 32, Overlong = new Overlong(4, 2) }, new SamplingOptions { MaxNewTokens = 4 });
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.All(step.Rewards.Zip(step.ResponseLengths), p => Assert.Equal(p.Second switch { 4 => 0, 3 => 0.5f, _ => 1 }, p.First));
        Assert.Contains(0f, step.Rewards);
        Assert.Equal(1, step.Objectives["reward"].Mean); // the objective itself stays as scored
    }

    [Fact]
    public async Task Kl_in_the_reward_is_bounded_as_the_penalty_says()
    {
        var row = new TrainingRow([1, 2, 3], [1, 2], [-1000, -2], [0, 0]) { ReferenceLogProbs = [-1, -2] };
        var trajectory = new Trajectory(Problems[0], 0, 0, [new Turn([1], [2, 3], [-1000, -2], "", StopReason.StopToken, 1)], TrajectoryStatus.Terminated);
        var scores = await RewardComputer.From(_ => 1f).ComputeRewardsAsync([trajectory]);
        var batch = new RolloutBatch([trajectory], RolloutStatistics.Of([trajectory]), new RolloutTimings(0, 1, [], null), []);
        var input = new Experience(batch, scores, [0], [[row]], 0, 1).ToAdvantageInput(0.1, KlPenalty.InReward with { Estimator = KlEstimator.K3, Clamp = KlClamp.Verl });
        Assert.Equal([-1f, 0], input.TokenPenalties![0]); // verl's bound of 10, not e^999
    }

    [Fact]
    public async Task Rewards_that_are_standardised_already_are_not_divided_by_the_groups_deviation_again()
    {
        var task = Score("task", t => t.Turns[0].TokenIds[0] % 3);
        var gdpo = await AdvantagesAsync(AlgorithmConfig.Gdpo);
        Assert.Contains(gdpo, a => a != 0);
        Assert.Equal(gdpo, await AdvantagesAsync(new AlgorithmConfig { Rewards = RewardMethod.NormalizeThenSum }));
        Assert.Equal(gdpo, await AdvantagesAsync(new AlgorithmConfig(), RewardMethod.NormalizeThenSum)); // the computer's own method
        Assert.NotEqual(gdpo, await AdvantagesAsync(new AlgorithmConfig { Rewards = RewardMethod.NormalizeThenSum, Advantages = new GroupRelativeAdvantage() })); // asked for by name

        async Task<float[]> AdvantagesAsync(AlgorithmConfig config, IRewardMethod? own = null)
        {
            var computer = new SvrlRewardComputer(task, price: 0.1f) { Method = own ?? RewardMethod.Absolute };
            using var run = new Run(computer, config with { BatchSize = 32 });
            return (await run.Algorithm.TrainAsync(1))[0].Advantages;
        }
    }

    [Fact]
    public async Task Turns_sampled_greedily_are_read_and_not_trained()
    {
        using var inference = TinyModels.FreshModule(1, spread: 0.1);
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig());
        var environment = new Checked(inference, Problems);
        var algorithm = new GrpoAlgorithm(
            environment, new RolloutManager(environment, new RolloutConfig { GroupSize = 4, Seed = 1 }), RewardComputer.From(t => (float)t.Member), backprop, new AlgorithmConfig { BatchSize = 32 });
        var step = (await algorithm.TrainAsync(1))[0];
        Assert.Equal((32, 16), (step.Rewards.Length, step.Advantages.Count(a => a != 0))); // problems of odd number were answered greedily only
        Assert.Equal((1, 16), (step.Update.OptimizerSteps, step.Update.Tokens)); // one sampled token of each other trajectory
        Assert.True(step.Update.SamplerDifference < 1e-3);
    }

    [Fact]
    public async Task An_evaluation_keeps_the_limits_of_the_rollouts()
    {
        using var inference = TinyModels.FreshModule(1, spread: 0.1);
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig());
        var environment = new SimpleTextEnvironment(inference, Problems, maxSteps: 4, new SamplingOptions { MaxNewTokens = 3 });
        var plan = new EvaluationPlan { Problems = Problems, Samples = 2, Every = 1 };
        var algorithm = new GrpoAlgorithm(
            environment, new RolloutManager(environment, new RolloutConfig { GroupSize = 4, MaxResponseTokens = 2 }), new RewardComputer((new ResponseLength(), 1f)), backprop,
            new AlgorithmConfig { BatchSize = 8, Evaluation = plan });
        Assert.InRange((await algorithm.TrainAsync(1))[0].Evaluation!.MeanReward, -2, -1);
    }

    [Fact]
    public async Task Truncated_trajectories_can_be_left_out()
    {
        using var run = new Run(t => t.Member, new AlgorithmConfig { BatchSize = 32, MasksTruncated = true }, new SamplingOptions { MaxNewTokens = 2, StopTokenIds = [.. Enumerable.Range(0, 129)] });
        var step = (await run.Algorithm.TrainAsync(1))[0];
        Assert.True(step.Rollouts.Truncated is > 0 and < 32);
        Assert.Equal(32 - step.Rollouts.Truncated, step.Rewards.Length);
    }

    [Fact]
    public async Task A_step_warns_by_name_and_says_what_helps()
    {
        using var run = new Run(_ => 1, new AlgorithmConfig { BatchSize = 32 }, new SamplingOptions { MaxNewTokens = 2 });
        var alarms = (await run.Algorithm.TrainAsync(1))[0].Alarms;
        Assert.Equal(["no signal", "truncation"], alarms.Select(a => a.Name));
        Assert.Contains("DynamicSampling", alarms[0].Remedy, StringComparison.Ordinal);
        Assert.Contains("100 %", alarms[0].Message, StringComparison.Ordinal);

        using var quiet = new Run(_ => 1, new AlgorithmConfig { BatchSize = 32, Alarms = new AlarmThresholds { ZeroVariance = null, Truncated = null } }, new SamplingOptions { MaxNewTokens = 2 });
        Assert.Empty((await quiet.Algorithm.TrainAsync(1))[0].Alarms);
    }

    [Fact]
    public async Task Entropy_collapse_is_seen_against_the_first_step()
    {
        // One token is all that pays: the policy becomes certain of it.
        using var run = new Run(t => t.Turns[0].TokenIds[0] % 4 == 0 ? 1 : 0, new AlgorithmConfig { BatchSize = 64, Alarms = new AlarmThresholds { EntropyShare = 0.5, Truncated = null, ZeroVariance = null } },
            new SamplingOptions { MaxNewTokens = 1 }, learningRate: 5e-2);
        var history = await run.Algorithm.TrainAsync(25);
        Assert.Empty(history[0].Alarms);
        Assert.Contains(history, s => s.Alarms.Any(a => a.Name == "entropy collapse"));
        Assert.All(history, s => Assert.Equal(s.Update.Entropy < 0.5 * history[0].Update.Entropy, s.Alarms.Any(a => a.Name == "entropy collapse")));
    }

    [Fact]
    public async Task Held_out_problems_are_evaluated_when_due_and_at_the_end_and_nothing_else_changes()
    {
        var plan = new EvaluationPlan { Problems = Problems[..4], Every = 2, Samples = 4, PassAt = [1, 2, 4], Threshold = 1 };
        Func<Trajectory, float?> score = t => t.Turns[0].TokenIds[0] % 2;
        using var run = new Run(score, new AlgorithmConfig { BatchSize = 32, Evaluation = plan });
        using var plain = new Run(score, new AlgorithmConfig { BatchSize = 32 });
        var (history, without) = (await run.Algorithm.TrainAsync(5), await plain.Algorithm.TrainAsync(5));
        Assert.Equal([2, 4, 5], history.Where(s => s.Evaluation is not null).Select(s => s.Iteration));
        Assert.Equal(without.Select(s => s.Update.Loss), history.Select(s => s.Update.Loss));
        var result = history[^1].Evaluation!;
        Assert.Equal((4, 4), (result.Problems, result.Samples));
        Assert.Equal(result.Average.Value, result.PassAt[1].Value, 1e-9);
        Assert.True(result.PassAt[1].Value <= result.PassAt[2].Value && result.PassAt[2].Value <= result.PassAt[4].Value);
        Assert.Equal(result.Average.Value, result.MeanReward, 1e-6);
    }

    [Theory]
    [InlineData(10, 3, 1, 0.3)]
    [InlineData(10, 3, 5, 1 - (21.0 / 252))] // C(7,5)/C(10,5)
    [InlineData(10, 0, 10, 0)]
    [InlineData(10, 6, 5, 1)]
    public void Pass_at_k_is_the_unbiased_estimate(int samples, int right, int k, double expected) => Assert.Equal(expected, Evaluation.PassAtK(samples, right, k), 1e-12);

    [Fact]
    public void An_interval_comes_from_the_spread_over_problems()
    {
        var interval = Evaluation.Clustered([0, 0.5, 1, 0.5]);
        Assert.Equal(0.5, interval.Value);
        Assert.Equal(1.959964 * Math.Sqrt(0.5 / 3 / 4), interval.High - interval.Value, 1e-9);
        Assert.Equal((0, 1), (Evaluation.Clustered([0, 1]).Low, Evaluation.Clustered([0, 1]).High)); // a share stays one
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluation.PassAtK(3, 4, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Evaluation.PassAtK(3, 1, 4));
    }

    [Fact]
    public void What_cannot_work_is_refused_when_it_is_put_together()
    {
        using var inference = TinyModels.FreshModule();
        using var elsewhere = TinyModels.FreshModule();
        using var plain = new BackpropModule(inference.Model, new BackpropConfig());
        using var valued = new BackpropModule(inference.Model, new BackpropConfig { Value = new ValueConfig() });
        var environment = new SimpleTextEnvironment(inference, Problems);
        var rewards = RewardComputer.From(_ => 1f);
        RolloutManager Rollouts(int group) => new(environment, new RolloutConfig { GroupSize = group });
        Assert.Contains("BackpropConfig.Value", Message(() => new PpoAlgorithm(environment, Rollouts(1), rewards, plain)), StringComparison.Ordinal);
        Assert.Contains("BackpropConfig.Value to null", Message(() => new GrpoAlgorithm(environment, Rollouts(8), rewards, valued)), StringComparison.Ordinal);
        Assert.Contains("GroupSize", Message(() => new ReinforceAlgorithm(environment, Rollouts(1), rewards, plain, AlgorithmConfig.Rloo)), StringComparison.Ordinal);
        Assert.Contains("PassAt", Message(() => new GrpoAlgorithm(
            environment, Rollouts(8), rewards, plain, new AlgorithmConfig { Evaluation = new EvaluationPlan { Problems = Problems, PassAt = [4] } })), StringComparison.Ordinal);
        string OfRollouts(BaseEnvironment other) => Message(() => new GrpoAlgorithm(environment, new RolloutManager(other, new RolloutConfig { GroupSize = 4 }), rewards, plain));
        Assert.Contains("samples otherwise", OfRollouts(new SimpleTextEnvironment(inference, Problems, sampling: new SamplingOptions { TopK = 5 })), StringComparison.Ordinal);
        Assert.Contains("other problems", OfRollouts(new SimpleTextEnvironment(inference, Problems[..4])), StringComparison.Ordinal);
        Assert.Contains("a Checked, not a SimpleText", OfRollouts(new Checked(inference, Problems)), StringComparison.Ordinal);
        Assert.Contains("another inference module", OfRollouts(new SimpleTextEnvironment(elsewhere, Problems)), StringComparison.Ordinal);
        _ = new GrpoAlgorithm(environment, new RolloutManager(new SimpleTextEnvironment(inference, Problems), new RolloutConfig { GroupSize = 4 }), rewards, plain); // made alike
        _ = new ReinforceAlgorithm(environment, Rollouts(1), rewards, plain);
        string OfUpdate(UpdateConfig update) => Message(() => new ReinforceAlgorithm(environment, Rollouts(1), rewards, plain, new AlgorithmConfig { Update = update }));
        Assert.Contains("Epochs (2) and MiniBatches (1) must be 1", OfUpdate(UpdateConfig.Reinforce with { Epochs = 2 }), StringComparison.Ordinal);
        Assert.Contains("ReinforceLoss has no ratio", OfUpdate(UpdateConfig.Reinforce with { MiniBatches = 3 }), StringComparison.Ordinal);
        _ = new ReinforceAlgorithm(environment, Rollouts(1), rewards, plain, new AlgorithmConfig { Update = new UpdateConfig { Epochs = 2, MiniBatches = 2 } }); // a loss with a ratio

        static string Message(Func<object> build) => Assert.Throws<ArgumentException>(build).Message;
    }

    private static Scored Score(string name, Func<Trajectory, float?> of) => new Scored(name, of);

    private sealed record Scored(string Name, Func<Trajectory, float?> Of) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult(Of(trajectory));
    }

    /// <summary>A sampled draft (greedy for odd problems) and a greedy look at it.</summary>
    private sealed class Checked(InferenceModule inference, IReadOnlyList<Problem> problems) : BaseEnvironment(inference, problems, new SamplingOptions { MaxNewTokens = 1 })
    {
        public override async Task<State> StepAsync(State state, CancellationToken cancellationToken = default)
        {
            var greedy = Sampling with { Temperature = 0 };
            state = state.Append(await GenerateAsync(BuildPrompt(state), int.Parse(state.Problem.Id) % 2 == 1 ? greedy : Sampling, cancellationToken));
            var look = await GenerateAsync(BuildPrompt(state), greedy, cancellationToken);
            return await UpdateStateAsync(state.Append(look), look, cancellationToken);
        }

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state with { IsTerminated = true });
    }

    private sealed class Run : IDisposable
    {
        private readonly InferenceModule inference = TinyModels.FreshModule(1, spread: 0.1);
        private readonly BackpropModule backprop;

        public Run(Func<Trajectory, float?> score, AlgorithmConfig config, SamplingOptions? sampling = null, double learningRate = 1e-3)
            : this(RewardComputer.From(score), config, sampling, learningRate)
        {
        }

        public Run(IRewardComputer rewards, AlgorithmConfig config, SamplingOptions? sampling = null, double learningRate = 1e-3)
        {
            var environment = new SimpleTextEnvironment(inference, Problems, sampling: sampling ?? new SamplingOptions { MaxNewTokens = 3 });
            backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = learningRate });
            Algorithm = new GrpoAlgorithm(environment, new RolloutManager(environment, new RolloutConfig { GroupSize = 4, Seed = 1 }), rewards, backprop, config);
        }

        public GrpoAlgorithm Algorithm { get; }

        public void Dispose()
        {
            backprop.Dispose();
            inference.Dispose();
        }
    }
}
