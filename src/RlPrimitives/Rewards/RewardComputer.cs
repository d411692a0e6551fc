using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Rewards as a weighted sum of objectives.</summary>
public sealed class RewardComputer : IRewardComputer
{
    private readonly (IObjective Objective, float Weight)[] objectives;

    /// <summary>A weighted sum of objectives.</summary>
    /// <param name="objectives">Each with its weight; names are unique.</param>
    public RewardComputer(params (IObjective Objective, float Weight)[] objectives)
    {
        ArgumentNullException.ThrowIfNull(objectives);
        if (objectives.Length == 0)
        {
            throw new ArgumentException("A reward needs at least one objective.", nameof(objectives));
        }

        if (objectives.GroupBy(o => o.Objective.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new ArgumentException($"Two objectives are named '{twice.Key}'; give each a name of its own.", nameof(objectives));
        }

        this.objectives = objectives;
    }

    /// <summary>Rewards from a function.</summary>
    /// <param name="score">Larger is better; null abstains.</param>
    /// <param name="name">The objective's name in records and charts.</param>
    public static RewardComputer From(Func<Trajectory, float?> score, string name = "reward") => new((new FunctionObjective(name, score), 1f));

    /// <summary>Rewards from a function.</summary>
    /// <param name="score">Larger is better.</param>
    /// <param name="name">The objective's name in records and charts.</param>
    public static RewardComputer From(Func<Trajectory, float> score, string name = "reward") => From(t => (float?)score(t), name);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">An objective threw or returned a value that is not finite; the message names objective and trajectory.</exception>
    public async Task<RewardBatch> ComputeRewardsAsync(
        IReadOnlyList<Trajectory> trajectories, RewardMethod method = RewardMethod.Absolute, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        var scores = new Dictionary<string, float?[]>();
        var totals = new float?[trajectories.Count];
        foreach (var (objective, weight) in objectives)
        {
            var column = new float?[trajectories.Count];
            for (var i = 0; i < trajectories.Count; i++)
            {
                if (trajectories[i].IsUsable)
                {
                    column[i] = await ScoreAsync(objective, trajectories[i], cancellationToken).ConfigureAwait(false);
                    totals[i] = column[i] is { } score ? (totals[i] ?? 0) + (weight * score) : totals[i];
                }
            }

            scores[objective.Name] = column;
        }

        return new RewardBatch(method == RewardMethod.Absolute ? totals : WithinGroups(trajectories, totals, method), scores, method);
    }

    private static async Task<float?> ScoreAsync(IObjective objective, Trajectory trajectory, CancellationToken cancellationToken)
    {
        float? score;
        try
        {
            score = await objective.ScoreAsync(trajectory, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new InvalidOperationException($"Objective '{objective.Name}' threw on problem '{trajectory.Problem.Id}', member {trajectory.Member}: {e.Message}", e);
        }

        return score is null || float.IsFinite(score.Value) ? score
            : throw new InvalidOperationException($"Objective '{objective.Name}' returned {score} on problem '{trajectory.Problem.Id}', member {trajectory.Member}. " +
                "Return a finite number, or null to abstain.");
    }

    private static float?[] WithinGroups(IReadOnlyList<Trajectory> trajectories, float?[] totals, RewardMethod method)
    {
        var result = new float?[totals.Length];
        foreach (var group in Enumerable.Range(0, totals.Length).Where(i => totals[i] is not null).GroupBy(i => trajectories[i].Group))
        {
            var members = group.ToArray();
            var values = Array.ConvertAll(members, i => totals[i]!.Value);
            var relative = method == RewardMethod.RelativeRank ? RelativeRewards.Ranks(values) : RelativeRewards.ZScores(values);
            for (var i = 0; i < members.Length; i++)
            {
                result[members[i]] = relative[i];
            }
        }

        return result;
    }

    private sealed record FunctionObjective(string Name, Func<Trajectory, float?> Score) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult(Score(trajectory));
    }
}
