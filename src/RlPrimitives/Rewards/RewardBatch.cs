using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Rewards of a batch, the total and every objective apart. Trajectories without a reward (failed, or all objectives of a weight other than 0 abstained) have null.</summary>
/// <param name="Totals">One for each trajectory; null: outside every baseline, never 0 in silence.</param>
/// <param name="Objectives">By name, one for each trajectory, as scored; null abstained.</param>
/// <param name="Method">How the totals were made from the scores.</param>
public sealed record RewardBatch(float?[] Totals, IReadOnlyDictionary<string, float?[]> Objectives, IRewardMethod Method)
{
    /// <summary>Scores that were given up, by objective; counted among the abstentions. All 0 unless <see cref="RewardOptions.AbstainOnFailure"/>.</summary>
    public IReadOnlyDictionary<string, ObjectiveFailures> Failures { get; init; } = new Dictionary<string, ObjectiveFailures>();

    /// <summary>
    /// Hypervolume of the batch over <see cref="RewardOptions.ReferencePoint"/>, of the trajectories that every objective scored (those of weight 0 apart); in units of the product of
    /// the objectives as scored. Null without a reference point or with fewer than two objectives.
    /// </summary>
    public double? Hypervolume { get; init; }

    /// <summary>
    /// Mean over the groups of the hypervolume of each group's members: what is attained on a typical problem, where one easy problem cannot stand for all. Units and conditions as
    /// for <see cref="Hypervolume"/>.
    /// </summary>
    public double? GroupHypervolume { get; init; }

    /// <summary>Mean of each objective over those that did not abstain; NaN where all did.</summary>
    public IReadOnlyDictionary<string, double> ObjectiveMeans() => Objectives.ToDictionary(
        o => o.Key, o => o.Value.Any(v => v is not null) ? o.Value.Where(v => v is not null).Average(v => (double)v!.Value) : double.NaN);

    /// <summary>
    /// Which objective the rewards follow: the mean over the groups of Pearson's correlation between the rewards and each objective, in [−1, 1], over the groups in which both vary and the
    /// trajectories that have both; NaN where there is no such group. An objective near 0 is not being optimised, whatever its weight.
    /// </summary>
    /// <param name="trajectories">The trajectories that were scored, in their order; they say who is in which group.</param>
    /// <exception cref="ArgumentException">There is another number of trajectories than of rewards.</exception>
    public IReadOnlyDictionary<string, double> CorrelationsWithinGroups(IReadOnlyList<Trajectory> trajectories)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        if (trajectories.Count != Totals.Length)
        {
            throw new ArgumentException($"There are {Totals.Length} rewards but {trajectories.Count} trajectories: give those that were scored.", nameof(trajectories));
        }

        return Objectives.ToDictionary(o => o.Key, o => Enumerable.Range(0, Totals.Length)
            .Where(i => Totals[i] is not null && o.Value[i] is not null)
            .GroupBy(i => trajectories[i].Group, i => (X: (double)Totals[i]!.Value, Y: (double)o.Value[i]!.Value))
            .Select(g => Correlation([.. g])).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average());
    }

    /// <summary>Refuses what does not belong to the trajectories: any <see cref="IRewardComputer"/> may have made it.</summary>
    /// <exception cref="InvalidOperationException">There is not one reward for each, or one is not finite; computer, count or trajectory are named.</exception>
    internal void CheckFor(IReadOnlyList<Trajectory> trajectories, string computer)
    {
        foreach (var (name, values) in Objectives.Select(o => ($"scores of '{o.Key}'", o.Value)).Prepend(("rewards", Totals)))
        {
            if (values.Length != trajectories.Count)
            {
                throw new InvalidOperationException($"{computer} returned {values.Length} {name} for {trajectories.Count} trajectories; there is one for each, null where it abstains.");
            }

            if (Array.FindIndex(values, v => v is { } value && !float.IsFinite(value)) is >= 0 and var i)
            {
                throw new InvalidOperationException(FormattableString.Invariant(
                    $"{computer} returned {values[i]} among the {name}, on problem '{trajectories[i].Problem.Id}', member {trajectories[i].Member}; they are finite, or null to abstain."));
            }
        }
    }

    private static double Correlation((double X, double Y)[] points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        return points.Sum(p => (p.X - x) * (p.Y - y)) / Math.Sqrt(points.Sum(p => (p.X - x) * (p.X - x)) * points.Sum(p => (p.Y - y) * (p.Y - y)));
    }
}

/// <summary>Scores of one objective that were given up.</summary>
/// <param name="TimedOut">Scores that took longer than the limit.</param>
/// <param name="Threw">Scores that threw, or were not finite.</param>
public readonly record struct ObjectiveFailures(int TimedOut, int Threw);
