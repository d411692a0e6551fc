using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;

namespace RlPrimitives.Algorithms;

/// <summary>How a model is measured while it trains; limits of steps, tokens and time are those of the training's <see cref="RlPrimitives.Rollouts.RolloutConfig"/>.</summary>
public sealed record EvaluationPlan
{
    /// <summary>Held-out problems; the training must not see them.</summary>
    public required IReadOnlyList<Problem> Problems
    {
        get;
        init => field = value is { Count: > 0 } ? Problem.WithIds(value) : throw new ArgumentException("An evaluation needs at least one problem.", nameof(Problems));
    }

    /// <summary>Iterations between two evaluations; the last iteration is always evaluated.</summary>
    public int Every
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Every), value, "Every must be at least 1.");
    } = 10;

    /// <summary>n, responses sampled for each problem.</summary>
    public int Samples
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Samples), value, "Samples must be at least 1.");
    } = 1;

    /// <summary>The k of pass@k; each at least 1 and at most <see cref="Samples"/>.</summary>
    public IReadOnlyList<int> PassAt
    {
        get;
        init => field = value is not null && value.All(k => k >= 1) ? value : throw new ArgumentOutOfRangeException(nameof(PassAt), value is null ? "null" : string.Join(", ", value), "Each k of PassAt must be at least 1.");
    } = [1];

    /// <summary>How responses are sampled; null for the environment's own way, greedily where <see cref="Samples"/> is 1.</summary>
    public SamplingOptions? Sampling { get; init; }

    /// <summary>What decides whether a response is right; null for the rewards trained with.</summary>
    public IRewardComputer? Rewards { get; init; }

    /// <summary>Least total score that counts as solved; the weighted sum, whatever the method trained with.</summary>
    public float Threshold { get; init; } = 1;

    /// <summary>Whether an evaluation follows an iteration.</summary>
    internal bool IsDue(int iteration, int iterations) => iteration % Every == 0 || iteration == iterations;
}

/// <summary>A number with its 95 % interval.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct Interval(double Value, double Low, double High)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Value:P1} ({Low:P1} to {High:P1})");
}

/// <summary>What an evaluation found.</summary>
/// <param name="Problems">P, number of problems.</param>
/// <param name="Samples">n, responses to each.</param>
/// <param name="PassAt">pass@k by k: the chance that at least one of k responses is right, unbiased from n (Chen et al. 2021, arXiv:2107.03374, eq. 1).</param>
/// <param name="Average">avg@n: share of right responses.</param>
/// <param name="MeanReward">Mean total score; a failed trajectory has none and is left out.</param>
/// <param name="Seconds">Wall time.</param>
public sealed record EvaluationResult(
    int Problems, int Samples, IReadOnlyDictionary<int, Interval> PassAt, Interval Average, double MeanReward, double Seconds);
