using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Tests.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

public class SupervisedAlgorithmTests
{
    private static readonly Example[] Examples = [.. Enumerable.Range(0, 8).Select(i => new Example($"{i}+1=", $"{i + 1}"))];

    [Fact]
    public async Task Eight_examples_are_learned_by_heart_and_answered()
    {
        using var inference = TinyModels.FreshModule(spread: 0.1);
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-2 });
        var steps = await new SupervisedAlgorithm(backprop, inference.Tokenizer, Examples, new SupervisedConfig { BatchSize = 8 }).TrainAsync(120);
        Assert.True(steps[0].Loss > 4);
        Assert.True(steps[^1].Loss < 0.02, $"{steps[^1].Loss}");

        var problems = Examples.Select(e => new Problem(e.Prompt, e.Prompt, e.Response)).ToArray();
        var environment = new SimpleTextEnvironment(inference, problems, sampling: new SamplingOptions { MaxNewTokens = 5 });
        var accuracy = await Evaluation.AccuracyAsync(environment, problems, RewardComputer.From(t => t.Response == t.Problem.Answer ? 1f : 0f));
        Assert.Equal(new Accuracy(8, 8), accuracy);
    }

    [Fact]
    public async Task The_loss_is_the_mean_cross_entropy_of_response_and_end_token()
    {
        using var inference = TinyModels.FreshModule();
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig());
        var scored = await inference.GetLogProbsAsync([[.. "1+1="u8.ToArray().Select(b => (int)b)]], [['2', 256]]);
        var step = (await new SupervisedAlgorithm(backprop, inference.Tokenizer, [new Example("1+1=", "2")], new SupervisedConfig { BatchSize = 3 }).TrainAsync(1))[0];
        Assert.Equal(-scored[0].Average(), step.Loss, 1e-4);
    }

    [Fact]
    public async Task The_learning_rate_rises_and_falls_as_configured()
    {
        using var model = TinyModels.Fresh();
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 1e-3 });
        async Task<double[]> RatesAsync(SupervisedConfig config) =>
            [.. (await new SupervisedAlgorithm(backprop, TinyModels.Tokenizer, Examples, config with { BatchSize = 1 }).TrainAsync(10)).Select(s => Math.Round(s.LearningRate * 1e3, 9))];

        Assert.All(await RatesAsync(new SupervisedConfig()), r => Assert.Equal(1, r));
        var cosine = await RatesAsync(new SupervisedConfig { WarmupSteps = 2, FinalLearningRateFraction = 0.1 });
        Assert.Equal([.5, 1], cosine[..2]);
        for (var step = 3; step <= 10; step++)
        {
            Assert.Equal(0.1 + (0.9 * 0.5 * (1 + Math.Cos(Math.PI * (step - 2) / 8))), cosine[step - 1], 1e-8);
        }

        Assert.Equal(0.1, cosine[^1], 1e-8);
        var rising = await RatesAsync(new SupervisedConfig { WarmupSteps = 20 });
        Assert.Equal([.05, .1, .15, .2, .25, .3, .35, .4, .45, .5], rising);
    }

    [Fact]
    public async Task The_same_seed_repeats_the_losses_bit_for_bit_and_cancelling_ends_between_steps()
    {
        async Task<double[]> LossesAsync(ulong seed)
        {
            using var model = TinyModels.Fresh();
            using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = 1e-2 });
            return [.. (await new SupervisedAlgorithm(backprop, TinyModels.Tokenizer, Examples, new SupervisedConfig { BatchSize = 3, Seed = seed }).TrainAsync(6)).Select(s => s.Loss)];
        }

        Assert.Equal(await LossesAsync(1), await LossesAsync(1));
        Assert.NotEqual(await LossesAsync(1), await LossesAsync(2));

        using var model = TinyModels.Fresh();
        using var backprop = new BackpropModule(model, new BackpropConfig());
        using var cancelled = new CancellationTokenSource();
        var steps = 0;
        var algorithm = new SupervisedAlgorithm(backprop, TinyModels.Tokenizer, Examples);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => algorithm.TrainAsync(
            50, new RolloutManagerTests.Reporting<SupervisedStep>(_ => { if (++steps == 2) { cancelled.Cancel(); } }), cancelled.Token));
        Assert.Equal(2, steps);
        Assert.Throws<ArgumentException>(() => new SupervisedAlgorithm(backprop, TinyModels.Tokenizer, []));
    }
}
