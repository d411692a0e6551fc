using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Everything recorded of one iteration. README.md beside this file says formula, unit and healthy range of each number.</summary>
/// <param name="Iteration">1-based.</param>
/// <param name="Iterations">How many the run was asked for.</param>
/// <param name="Rewards">Total reward of each trajectory that has one; the distribution behind <see cref="RewardMean"/>.</param>
/// <param name="Objectives">Scores of each objective by name, abstentions left out.</param>
/// <param name="Advantages">Advantage of each of them, the mean over its tokens; 0 where it took no part in the update.</param>
/// <param name="ZeroVarianceFraction">Share of collected groups whose rewards were all equal (no signal), in [0, 1]; with groups of one the batch is the group.</param>
/// <param name="Update">What the update measured.</param>
/// <param name="Rollouts">What the collection measured.</param>
/// <param name="UpdateSeconds">Wall time of the update, reference and values included.</param>
public sealed record TrainStep(
    int Iteration, int Iterations, float[] Rewards, IReadOnlyDictionary<string, Summary> Objectives, float[] Advantages,
    double ZeroVarianceFraction, UpdateStatistics Update, RolloutStatistics Rollouts, double UpdateSeconds)
{
    /// <summary>Mean, deviation and ends of <see cref="Rewards"/>.</summary>
    public Summary Reward { get; } = Summary.Of(Rewards.Select(r => (double)r));

    /// <summary>Mean of <see cref="Rewards"/>; NaN where there is none.</summary>
    public double RewardMean => Reward.Mean;

    /// <summary>Bessel standard deviation of <see cref="Rewards"/>; 0 for fewer than two.</summary>
    public double RewardStd => Reward.Std;

    /// <summary>Sampled tokens of each of them, in the order of <see cref="Rewards"/>.</summary>
    public int[] ResponseLengths { get; init; } = [];

    /// <summary>Index of the group of each of them, in the order of <see cref="Rewards"/>.</summary>
    public int[] Groups { get; init; } = [];

    /// <summary>Index of each of them within its group.</summary>
    public int[] Members { get; init; } = [];

    /// <summary>Each objective by name, one score for each of them as scored; null abstained. What <see cref="Objectives"/> sums up, kept apart for fronts and distributions.</summary>
    public IReadOnlyDictionary<string, float?[]> Scores { get; init; } = new Dictionary<string, float?[]>();

    /// <summary>When each trajectory ran and where its time went; null where a step was made without a collection.</summary>
    public RolloutTimings? Timings { get; init; }

    /// <summary>Hypervolume of the batch over the reward computer's reference point; null without one or with a single objective.</summary>
    public double? Hypervolume { get; init; }

    /// <summary>Mean over the groups of each group's hypervolume; null as <see cref="Hypervolume"/> is.</summary>
    public double? GroupHypervolume { get; init; }

    /// <summary>Collections that the batch took; above 1 with dynamic sampling.</summary>
    public int SamplingRounds { get; init; } = 1;

    /// <summary>Trained tokens per second of the update, epochs counted.</summary>
    public double UpdateTokensPerSecond { get; init; }

    /// <summary>How the weights that this step's rollouts were sampled with got to the sampler; null where it has the trainer's own.</summary>
    public WeightSyncReport? Sync { get; init; }

    /// <summary>Held-out evaluation after this step; null where none was due.</summary>
    public EvaluationResult? Evaluation { get; init; }

    /// <summary>Warnings; empty where all is well.</summary>
    public IReadOnlyList<Alarm> Alarms { get; init; } = [];
}
