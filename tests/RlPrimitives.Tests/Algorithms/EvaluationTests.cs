using RlPrimitives.Algorithms;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;

namespace RlPrimitives.Tests.Algorithms;

public class EvaluationTests
{
    [Theory]
    [InlineData(8, 10, .490162, .943318)] // statsmodels' proportion_confint(8, 10, method="wilson")
    [InlineData(0, 20, 0, .161125)]
    [InlineData(20, 20, .838875, 1)]
    [InlineData(50, 100, .403832, .596168)]
    public void The_interval_is_that_of_Wilson(int successes, int count, double low, double high)
    {
        var accuracy = new Accuracy(successes, count);
        Assert.Equal((double)successes / count, accuracy.Value);
        Assert.Equal(low, accuracy.Low, 2e-6);
        Assert.Equal(high, accuracy.High, 2e-6);
    }

    [Fact]
    public void Of_nothing_there_is_no_accuracy()
    {
        var none = new Accuracy(0, 0);
        Assert.True(double.IsNaN(none.Value) && double.IsNaN(none.Low) && double.IsNaN(none.High));
    }

    [Fact]
    public async Task Accuracy_counts_successes_and_a_failed_trajectory_is_none()
    {
        using var module = new InferenceModule(TinyModels.Saying("a"), TinyModels.Tokenizer);
        Problem[] problems = [new("1", "?", "a"), new("2", "?", "b"), new("too long", new string('?', 99), "a"), new("4", "?", "a")];
        var environment = new SimpleTextEnvironment(module, problems[..1]);
        var exact = RewardComputer.From(t => t.Response == t.Problem.Answer ? 1f : 0.5f);
        Assert.Equal(new Accuracy(2, 4), await Evaluation.AccuracyAsync(environment, problems, exact));
        Assert.Equal(new Accuracy(3, 4), await Evaluation.AccuracyAsync(environment, problems, exact, threshold: 0.5f));
        Assert.Equal(1, environment.Sampling.Temperature);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Evaluation.AccuracyAsync(environment, problems, exact, cancellationToken: cancelled.Token));
    }
}
