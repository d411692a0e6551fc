using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Group Relative Policy Optimization (Shao et al. 2024, arXiv:2402.03300): the other members of a group are the baseline, no value model.</summary>
/// <param name="environment">What the model is trained in.</param>
/// <param name="rollouts">Collects trajectories; its group size is G.</param>
/// <param name="rewards">Scores them.</param>
/// <param name="backprop">Updates the model.</param>
/// <param name="config">Batch size and how rewards become advantages.</param>
public sealed class GrpoAlgorithm(
    BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig? config = null) : Algorithm
{
    private readonly AlgorithmConfig config = Checked(config ?? new AlgorithmConfig(), environment, rollouts, backprop);

    /// <inheritdoc/>
    public override string Name => "GRPO";

    /// <inheritdoc/>
    protected override async Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken)
    {
        // Generate and interact.
        var batch = await rollouts.CollectAsync(config.BatchSize, cancellationToken: cancellationToken).ConfigureAwait(false);
        var trajectories = batch.Trajectories;

        // Score, after collection.
        var scored = await rewards.ComputeRewardsAsync(trajectories, config.Rewards, cancellationToken).ConfigureAwait(false);

        // Advantage: how much better than the group's other members.
        var advantages = new float[trajectories.Count];
        int groups = 0, unanimous = 0;
        foreach (var group in Enumerable.Range(0, trajectories.Count).GroupBy(i => trajectories[i].Group))
        {
            var members = group.ToArray();
            var a = Advantages.GroupRelative(Array.ConvertAll(members, i => scored.Totals[i]), config.Normalization);
            for (var i = 0; i < members.Length; i++)
            {
                advantages[members[i]] = a[i];
            }

            groups++;
            unanimous += a.All(x => x == 0) ? 1 : 0;
        }

        // Differentiate. Trajectories without a reward take no part.
        var used = Enumerable.Range(0, trajectories.Count).Where(i => scored.Totals[i] is not null).ToArray();
        var rows = used.SelectMany(i => TrainingRow.From(trajectories[i], advantages[i])).ToArray();
        var started = Stopwatch.GetTimestamp();
        if (environment.Sampling.IsFiltered && rows.Length > 0)
        {
            // Sampled from a filtered distribution: the ratio compares the model with itself, so the old log-probs are the model's own.
            var old = await backprop.ComputeLogProbsAsync(rows).ConfigureAwait(false);
            rows = rows.Zip(old, (row, logProbs) => row with { OldLogProbs = logProbs }).ToArray();
        }

        var update = rows.Length == 0 ? UpdateStatistics.None : await backprop.UpdateAsync(rows, cancellationToken).ConfigureAwait(false);

        return new TrainStep(
            iteration, iterations, Array.ConvertAll(used, i => scored.Totals[i]!.Value), scored.ObjectiveMeans(), Array.ConvertAll(used, i => advantages[i]),
            (double)unanimous / groups, update, batch.Statistics, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static AlgorithmConfig Checked(AlgorithmConfig config, BaseEnvironment environment, RolloutManager rollouts, BackpropModule backprop)
    {
        if (rollouts.Config.GroupSize < 2)
        {
            throw new ArgumentException("GRPO compares the members of a group: set RolloutConfig.GroupSize to 2 or more.", nameof(rollouts));
        }

        if (config.BatchSize % rollouts.Config.GroupSize != 0)
        {
            throw new ArgumentException($"BatchSize {config.BatchSize} must be a multiple of RolloutConfig.GroupSize {rollouts.Config.GroupSize}.", nameof(config));
        }

        if (!ReferenceEquals(environment.Inference.Model, backprop.Model))
        {
            throw new ArgumentException("The environment asks another model than the one that is trained: give both the same.", nameof(backprop));
        }

        return environment.Sampling.Temperature > 0 ? config
            : throw new ArgumentException("The environment samples greedily (temperature 0): all members of a group would be equal. Use a temperature above 0.", nameof(environment));
    }
}
