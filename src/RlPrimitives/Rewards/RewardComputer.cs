using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Rewards from weighted objectives: all are asked about each usable trajectory, then the method makes rewards of the scores.</summary>
public sealed class RewardComputer : IRewardComputer
{
    private readonly (IObjective Objective, float Weight)[] objectives;
    private readonly RewardOptions options;

    /// <summary>Weighted objectives.</summary>
    /// <param name="objectives">Each with its weight: negative where less is better, 0 to record only. Names are unique.</param>
    public RewardComputer(params (IObjective Objective, float Weight)[] objectives)
        : this(new RewardOptions(), objectives)
    {
    }

    /// <summary>Weighted objectives.</summary>
    /// <param name="options">How they are asked.</param>
    /// <param name="objectives">Each with its weight: negative where less is better, 0 to record only. Names are unique.</param>
    /// <exception cref="ArgumentException">No objectives, two of one name, a weight that is not finite, or a reference point that does not fit.</exception>
    public RewardComputer(RewardOptions options, params (IObjective Objective, float Weight)[] objectives)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(objectives);
        if (objectives.Length == 0)
        {
            throw new ArgumentException("A reward needs at least one objective.", nameof(objectives));
        }

        if (objectives.GroupBy(o => o.Objective.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"Two objectives are named '{twice.Key}'; give each a name of its own.", nameof(objectives));
        }

        if (Array.FindIndex(objectives, o => !float.IsFinite(o.Weight)) is >= 0 and var k)
        {
            throw new ArgumentException(FormattableString.Invariant($"Objective '{objectives[k].Objective.Name}' has weight {objectives[k].Weight}; weights are finite."), nameof(objectives));
        }

        if (options.ReferencePoint is { } reference && reference.Length != objectives.Length)
        {
            throw new ArgumentException($"The reference point has {reference.Length} numbers for {objectives.Length} objectives; give one for each.", nameof(options));
        }

        if (options.ReferencePoint is not null && objectives.Count(o => o.Weight != 0) > Pareto.MaxHypervolumeObjectives)
        {
            throw new ArgumentException($"The hypervolume takes at most {Pareto.MaxHypervolumeObjectives} objectives: give no reference point, or weight 0 to others.", nameof(options));
        }

        (this.options, this.objectives) = (options, objectives);
    }

    /// <summary>Rewards from a function.</summary>
    /// <param name="score">Larger is better; null abstains.</param>
    /// <param name="name">The objective's name in records and charts.</param>
    public static RewardComputer From(Func<Trajectory, float?> score, string name = "reward") => new((Objective.From(name, score), 1f));

    /// <summary>Rewards from a function.</summary>
    /// <param name="score">Larger is better.</param>
    /// <param name="name">The objective's name in records and charts.</param>
    public static RewardComputer From(Func<Trajectory, float> score, string name = "reward") => From(t => (float?)score(t), name);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">An objective threw or returned a value that is not finite; the message names objective and trajectory. Not with <see cref="RewardOptions.AbstainOnFailure"/>.</exception>
    /// <exception cref="TimeoutException">A score took too long; the message names objective and trajectory. Not with <see cref="RewardOptions.AbstainOnFailure"/>.</exception>
    public async Task<RewardBatch> ComputeRewardsAsync(
        IReadOnlyList<Trajectory> trajectories, IRewardMethod? method = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        method ??= RewardMethod.Absolute;
        var (columns, failures) = await new Scoring(Array.ConvertAll(objectives, o => o.Objective), options).ScoreAsync(trajectories, cancellationToken).ConfigureAwait(false);
        var names = Array.ConvertAll(objectives, o => o.Objective.Name);
        var scores = new ScoreTable([.. trajectories.Select(t => t.Group)], names, Array.ConvertAll(objectives, o => o.Weight), columns);
        var (ofBatch, ofGroups) = Hypervolume(scores);
        return new RewardBatch(method.Rewards(scores), names.Zip(columns).ToDictionary(p => p.First, p => p.Second), method)
        {
            Failures = names.Zip(failures).ToDictionary(p => p.First, p => p.Second),
            Hypervolume = ofBatch,
            GroupHypervolume = ofGroups,
        };
    }

    private (double? OfBatch, double? OfGroups) Hypervolume(ScoreTable scores)
    {
        var counted = Enumerable.Range(0, objectives.Length).Where(k => scores.Weights[k] != 0).ToArray();
        if (options.ReferencePoint is not { } reference || counted.Length < 2)
        {
            return (null, null);
        }

        var origin = Array.ConvertAll(counted, k => Oriented(k, reference[k]));
        var groups = scores.Scored().Where(i => Array.TrueForAll(counted, k => scores.Columns[k][i] is not null))
            .GroupBy(i => scores.Groups[i], i => Array.ConvertAll(counted, k => Oriented(k, scores.Columns[k][i]!.Value))).Select(g => g.ToArray()).ToArray();
        return (Pareto.Hypervolume([.. groups.SelectMany(g => g)], origin), groups.Length == 0 ? 0 : groups.Average(g => Pareto.Hypervolume(g, origin)));

        double Oriented(int objective, float score) => MathF.Sign(scores.Weights[objective]) * (double)score;
    }
}
