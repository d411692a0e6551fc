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

    /// <summary>pass@k of one problem, 1 − C(n − c, k)/C(n, k): unbiased, unlike 1 − (1 − c/n)^k (Chen et al. 2021, arXiv:2107.03374, eq. 1).</summary>
    /// <param name="samples">n, responses.</param>
    /// <param name="right">c, right ones; in [0, n].</param>
    /// <param name="k">In [1, n].</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static double PassAtK(int samples, int right, int k)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(right);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(right, samples);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, samples);
        var allWrong = 1.0;
        for (var i = samples - right + 1; i <= samples; i++)
        {
            allWrong *= Math.Max(0, 1 - ((double)k / i));
        }

        return 1 - allWrong;
    }

    /// <summary>The mean over problems with a 95 % interval from their spread: responses to one problem are not independent (Miller 2024, arXiv:2411.00640, §2.2).</summary>
    /// <param name="perProblem">A share for each problem, in [0, 1]; at least one.</param>
    public static Interval Clustered(IReadOnlyList<double> perProblem)
    {
        ArgumentNullException.ThrowIfNull(perProblem);
        ArgumentOutOfRangeException.ThrowIfZero(perProblem.Count);
        var mean = perProblem.Average();
        var error = perProblem.Count < 2 ? double.NaN : Math.Sqrt(perProblem.Sum(p => (p - mean) * (p - mean)) / (perProblem.Count - 1) / perProblem.Count);
        return new Interval(mean, Math.Max(0, mean - (1.959964 * error)), Math.Min(1, mean + (1.959964 * error)));
    }
}
