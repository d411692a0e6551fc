using RlNotebooks.Data;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlNotebooks.Tests;

/// <summary>The shipped prompts and model are what their makers say, and reinforcement learning improves the model.</summary>
public class ShippedDataTests
{
    private static readonly string Model = Repository.Path("data", "models", "tiny-calc");
    private static readonly RewardComputer Correct = RewardComputer.From(t => t.Response.Trim() == t.Problem.Answer ? 1f : 0f, "correct");

    [Fact]
    public void The_shipped_prompts_are_those_that_the_seed_makes()
    {
        var (heldOut, training) = TinyCalc.Problems();
        Same(training, Prompts.Load(Repository.Path("data", "prompts", "addition.jsonl")));
        Same(heldOut, Prompts.Load(Repository.Path("data", "prompts", "addition-held-out.jsonl")));
        Assert.Empty(heldOut.Select(p => p.Prompt).Intersect(training.Select(p => p.Prompt)));
        Assert.All(heldOut.Concat(training), p => Assert.Equal(int.Parse(p.Answer), p.Prompt.TrimEnd('=').Split('+').Sum(int.Parse)));

        static void Same(IReadOnlyList<Problem> made, IReadOnlyList<Problem> shipped) =>
            Assert.Equal(made.Select(p => (p.Id, p.Prompt, p.Answer)), shipped.Select(p => (p.Id, p.Prompt, p.Answer)));
    }

    [Fact]
    public void The_shipped_sums_and_products_are_those_that_the_seed_makes()
    {
        var shipped = Prompts.Load(Repository.Path("data", "prompts", "sums-and-products.jsonl"));
        Assert.Equal(TinyTools.Problems(399, seed: 1).Select(p => (p.Id, p.Prompt, p.Answer, p.Fields["kind"])), shipped.Select(p => (p.Id, p.Prompt, p.Answer, p.Fields["kind"])));
        Assert.Equal((266, 133), (shipped.Count(p => p.Fields["kind"] == "easy"), shipped.Count(p => p.Fields["kind"] == "hard")));
    }

    [Fact]
    public async Task The_cautious_model_has_no_habit()
    {
        using var inference = await InferenceModule.FromPretrainedAsync(Repository.Path("data", "models", "tiny-cautious"));
        var environment = new SimpleTextEnvironment(inference, TinyCautious.Problems(), sampling: new SamplingOptions { MaxNewTokens = 8 });
        var answers = (await new RolloutManager(environment, new RolloutConfig { GroupSize = 10, Seed = 1 }).CollectAsync(1000)).Trajectories;

        Assert.InRange(answers.Average(t => t.Response.Trim('?') == t.Problem.Answer ? 1.0 : 0), 0.35, 0.55);
        Assert.All(Enumerable.Range(0, TinyCautious.MostMarks + 1), marks => Assert.InRange(answers.Count(t => t.Response.Count(c => c == '?') == marks), 180, 320));
    }

    [Fact]
    public async Task The_model_with_tools_calls_as_often_where_it_need_not_as_where_it_must()
    {
        using var inference = await InferenceModule.FromPretrainedAsync(Repository.Path("data", "models", "tiny-tools"));
        var task = new SimpleTextEnvironment(inference, TinyTools.Problems(600, seed: 3), sampling: new SamplingOptions { MaxNewTokens = 16 });
        var environment = new SvrlEnvironment(task, [Calculator.Tool()], new SvrlOptions { Budget = 2 });
        var episodes = (await new RolloutManager(environment, new RolloutConfig { Seed = 1 }).CollectAsync(600)).Trajectories.ToLookup(t => t.Problem.Fields["kind"]);

        Assert.All((string[])["easy", "hard"], kind => Assert.InRange(episodes[kind].Average(t => t.Turns.Sum(turn => turn.ToolCalls.Length)), 0.55, 0.85));
        Assert.InRange(episodes["easy"].Average(Right), 0.9, 1);
        Assert.InRange(episodes["hard"].Average(Right), 0.5, 0.75);
        Assert.Equal(0, episodes["hard"].Where(t => t.Turns.All(turn => turn.ToolCalls.IsEmpty)).Average(Right), 0.1);

        static double Right(Trajectory t) => t.Response.Trim() == t.Problem.Answer ? 1 : 0;
    }

    [Fact]
    public async Task Training_the_shipped_model_repeats_bit_for_bit()
    {
        var weights = new List<float[]>();
        for (var run = 0; run < 2; run++)
        {
            using var inference = await TinyCalc.TrainAsync(3, null, CancellationToken.None);
            weights.Add(inference.Model.Parameters.SelectMany(p => p.Parameter.data<float>().ToArray()).ToArray());
        }

        Assert.Equal(weights[0], weights[1]);
    }

    [Fact]
    public async Task The_shipped_walker_is_small_and_repeats_bit_for_bit()
    {
        var weights = new List<float[]>();
        for (var run = 0; run < 2; run++)
        {
            using var trained = await TinyWalks.TrainAsync(3, CancellationToken.None);
            weights.Add(trained.Model.Parameters.SelectMany(p => p.Parameter.data<float>().ToArray()).ToArray());
        }

        Assert.Equal(weights[0], weights[1]);
        using var shipped = await InferenceModule.FromPretrainedAsync(Repository.Path("data", "models", "tiny-walks"));
        Assert.Equal(weights[0].Length, shipped.Model.ParameterCount);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Ppo_makes_the_shipped_walker_find_short_ways(ulong seed)
    {
        using var inference = await InferenceModule.FromPretrainedAsync(Repository.Path("data", "models", "tiny-walks"));
        var graph = TinyWalks.Graph();
        var environment = new SimpleTextEnvironment(inference, graph.Problems, sampling: new SamplingOptions { MaxNewTokens = graph.MaxLength - 1 });
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, Seed = seed });
        var value = new ValueConfig { SeparateTrunk = true, HiddenWidth = 128, LearningRateFactor = 2 };
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-3, Seed = seed, Value = value });
        var update = UpdateConfig.Ppo with { Kl = KlPenalty.None, ValueCoefficient = 1, ValueClip = null, EntropyCoefficient = 0.01, MaxPolicyKl = 0.03 };
        var ppo = new PpoAlgorithm(environment, rollouts, new RewardComputer((new PathOptimality(graph), 1)), backprop, new AlgorithmConfig { BatchSize = 128, Update = update });

        var history = await ppo.TrainAsync(iterations: 8);

        Assert.InRange(history[0].RewardMean, 0.02, 0.3);
        Assert.True(history.TakeLast(3).Average(s => s.RewardMean) > 0.75, string.Join(" ", history.Select(s => s.RewardMean)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Grpo_lifts_held_out_accuracy_of_the_shipped_model_by_thirty_points(ulong seed)
    {
        using var inference = await InferenceModule.FromPretrainedAsync(Model);
        Assert.InRange(inference.Model.ParameterCount, 1_000_000, 3_000_000);
        var heldOut = Prompts.Load(Repository.Path("data", "prompts", "addition-held-out.jsonl"));
        var environment = new SimpleTextEnvironment(
            inference, Prompts.Load(Repository.Path("data", "prompts", "addition.jsonl")), maxSteps: 1, new SamplingOptions { MaxNewTokens = 8 });
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 8, Seed = seed });
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-4 });
        var grpo = new GrpoAlgorithm(environment, rollouts, Correct, backprop, new AlgorithmConfig { BatchSize = 128 });

        // Asked as in training, at temperature 1: the share of right answers is the policy's own.
        var before = await Evaluation.AccuracyAsync(environment, heldOut, Correct, environment.Sampling);
        await grpo.TrainAsync(iterations: 60);
        var after = await Evaluation.AccuracyAsync(environment, heldOut, Correct, environment.Sampling);

        Assert.InRange(before.Value, 0.30, 0.50);
        Assert.True(after.Value - before.Value >= 0.30, $"before {before}, after {after}");
    }
}
