using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>The first half of an iteration, the same for every algorithm: collect, score after collection, then add what the update compares with.</summary>
internal sealed class ExperiencePhase(
    BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig config, UpdateConfig update, WeightSender? sender)
{
    /// <summary>Collects and scores a batch; again where groups without variance are to be replaced.</summary>
    public async Task<Experience> CollectAsync(CancellationToken cancellationToken)
    {
        // The sampler generates with the weights that are trained, or with a copy that is made the same first.
        var sync = sender is null ? null : await sender.EnsureAsync(cancellationToken).ConfigureAwait(false);
        return (await CollectWithAsync(cancellationToken).ConfigureAwait(false)) with { Sync = sync };
    }

    private async Task<Experience> CollectWithAsync(CancellationToken cancellationToken)
    {
        if (config.DynamicSampling is not { } dynamic)
        {
            var (batch, scores) = await CollectOnceAsync(config.BatchSize, cancellationToken).ConfigureAwait(false);
            return Of(batch, scores, Groups(batch), 1);
        }

        var parts = new List<(RolloutBatch Rollouts, RewardBatch Scores)>();
        var wanted = config.BatchSize / rollouts.Config.GroupSize;
        for (var missing = wanted; missing > 0 && parts.Count < dynamic.MaxRounds;)
        {
            var part = await CollectOnceAsync(missing * rollouts.Config.GroupSize, cancellationToken).ConfigureAwait(false);
            missing -= Groups(part.Rollouts).Count(members => HasVariance(part.Scores, members, dynamic));
            parts.Add(part);
        }

        var (all, allScores) = ExperienceParts.Join(parts);
        var kept = Groups(all).Where(members => HasVariance(allScores, members, dynamic)).Take(wanted).ToArray();
        return Of(all, allScores, kept, parts.Count);
    }

    /// <summary>Adds what the update compares with: the trainer's own log-probs where the sampler's are others, and the reference's where there is a KL penalty.</summary>
    public async Task<Experience> CompareAsync(Experience experience)
    {
        var rows = experience.AllRows;
        if (rows.Length == 0)
        {
            return experience;
        }

        // Sampled from a filtered distribution, or by another engine: the ratio compares the trainer's model with itself, so the old log-probs are its own.
        if (environment.Sampling.IsFiltered || update.SamplerCorrection is not null)
        {
            var filtered = environment.Sampling.IsFiltered;
            var old = await backprop.ComputeLogProbsAsync(rows).ConfigureAwait(false);
            experience = experience.With(old, (row, own) => row with { OldLogProbs = own, SamplerLogProbs = filtered ? null : row.OldLogProbs });
        }

        if (update.Kl.Coefficient > 0)
        {
            experience = experience.With(await backprop.ComputeReferenceLogProbsAsync(experience.AllRows).ConfigureAwait(false), (row, of) => row with { ReferenceLogProbs = of });
        }

        return experience;
    }

    private static int[][] Groups(RolloutBatch batch) =>
        [.. Enumerable.Range(0, batch.Trajectories.Count).GroupBy(i => batch.Trajectories[i].Group).Select(g => g.ToArray())];

    private static bool HasVariance(RewardBatch scores, int[] members, DynamicSampling dynamic)
    {
        var column = dynamic.Objective is not { } name ? scores.Totals
            : scores.Objectives.TryGetValue(name, out var of) ? of
            : throw new InvalidOperationException($"DynamicSampling.Objective '{name}' is no objective; there are {string.Join(", ", scores.Objectives.Keys)}.");
        return !IsUnanimous(members.Select(i => column[i]), dynamic.Tolerance);
    }

    private static bool IsUnanimous(IEnumerable<float?> values, double tolerance)
    {
        var present = values.OfType<float>().ToArray();
        return present.Length == 0 || present.Max() - present.Min() <= tolerance;
    }

    private async Task<(RolloutBatch Rollouts, RewardBatch Scores)> CollectOnceAsync(int count, CancellationToken cancellationToken)
    {
        var batch = await rollouts.CollectAsync(count, cancellationToken: cancellationToken).ConfigureAwait(false);
        var scored = await rewards.ComputeRewardsAsync(batch.Trajectories, config.Rewards, cancellationToken).ConfigureAwait(false);
        scored.CheckFor(batch.Trajectories, rewards.GetType().Name);
        var totals = new float?[scored.Totals.Length];
        for (var i = 0; i < totals.Length; i++)
        {
            var trajectory = batch.Trajectories[i];
            totals[i] = config.MasksTruncated && trajectory.Status == TrajectoryStatus.Truncated ? null
                : config.Overlong is { } limit ? scored.Totals[i] + (float)OverlongPenalty.Of(trajectory.ResponseTokens, limit.MaxLength, limit.Buffer, limit.Factor)
                : scored.Totals[i];
        }

        return (batch, scored with { Totals = totals });
    }

    // Trajectories without a reward take no part.
    private static Experience Of(RolloutBatch batch, RewardBatch scores, int[][] trained, int rounds)
    {
        var rows = trained.SelectMany(members => members).Where(i => scores.Totals[i] is not null).Order()
            .Select(i => (Index: i, Rows: TrainingRow.From(batch.Trajectories[i], 0).ToArray())).Where(t => t.Rows.Length > 0).ToArray(); // none where all was sampled greedily
        // Where nobody has a companion, the batch is what is compared.
        var groups = Groups(batch).Where(members => members.Length > 1).DefaultIfEmpty([.. Enumerable.Range(0, batch.Trajectories.Count)]).ToArray();
        var unanimous = groups.Count(members => IsUnanimous(members.Select(i => scores.Totals[i]), 0));
        return new Experience(
            batch, scores, Array.ConvertAll(rows, t => t.Index), Array.ConvertAll(rows, t => t.Rows), (double)unanimous / groups.Length, rounds);
    }
}
