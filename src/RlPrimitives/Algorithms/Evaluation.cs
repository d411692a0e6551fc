using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>A share of successes with its 95 % interval (Wilson 1927).</summary>
/// <param name="Successes">How many succeeded.</param>
/// <param name="Count">Of how many.</param>
public readonly record struct Accuracy(int Successes, int Count)
{
    /// <summary>The share, in [0, 1].</summary>
    public double Value => Count == 0 ? double.NaN : (double)Successes / Count;

    /// <summary>Lower end of the interval.</summary>
    public double Low => Bound(-1);

    /// <summary>Upper end of the interval.</summary>
    public double High => Bound(+1);

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Value:P1} ({Successes} of {Count}; 95 % interval {Low:P1} to {High:P1})");

    private double Bound(int sign)
    {
        const double z = 1.959964;
        var n = (double)Count;
        var centre = Value + (z * z / (2 * n));
        var half = z * Math.Sqrt((Value * (1 - Value) / n) + (z * z / (4 * n * n)));
        return Count == 0 ? double.NaN : (centre + (sign * half)) / (1 + (z * z / n));
    }
}

/// <summary>Measures a model on problems that it is not trained on.</summary>
public static class Evaluation
{
    /// <summary>Share of problems whose one response scores at least <paramref name="threshold"/>; a failed trajectory counts as not solved.</summary>
    /// <param name="environment">How the model is asked; its sampling is replaced.</param>
    /// <param name="problems">Held-out problems.</param>
    /// <param name="rewards">Scores; their weighted sum counts, whatever the method trained with.</param>
    /// <param name="sampling">How responses are sampled; null for greedy with the environment's limits.</param>
    /// <param name="threshold">Least total that counts as success.</param>
    /// <param name="cancellationToken">Ends the evaluation.</param>
    public static async Task<Accuracy> AccuracyAsync(
        BaseEnvironment environment, IReadOnlyList<Problem> problems, IRewardComputer rewards, SamplingOptions? sampling = null, float threshold = 1,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var asked = environment.WithSampling(sampling ?? environment.Sampling with { Temperature = 0 });
        var collected = await new RolloutManager(asked, new RolloutConfig { NumParallel = 128 }).CollectAsync(problems, cancellationToken: cancellationToken).ConfigureAwait(false);
        var scored = await rewards.ComputeRewardsAsync(collected.Trajectories, RewardMethod.Absolute, cancellationToken).ConfigureAwait(false);
        return new Accuracy(scored.Totals.Count(r => r >= threshold), problems.Count);
    }
}
