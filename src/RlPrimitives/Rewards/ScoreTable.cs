namespace RlPrimitives.Rewards;

/// <summary>Scores of B trajectories by K objectives, before any method is applied.</summary>
/// <param name="Groups">Index of the group of each trajectory, [B].</param>
/// <param name="Names">Names of the objectives, [K].</param>
/// <param name="Weights">Weight of each objective, [K]; negative where less is better; 0: recorded only.</param>
/// <param name="Columns">Scores as returned, [K][B], larger is better; null abstained.</param>
public sealed record ScoreTable(int[] Groups, string[] Names, float[] Weights, float?[][] Columns)
{
    /// <summary>Weighted sum Σ_k w_k·r_k over the objectives that scored a trajectory, [B]; null where none of a weight other than 0 did: what is only recorded is no reward of 0.</summary>
    public float?[] Totals()
    {
        var totals = new float?[Groups.Length];
        for (var k = 0; k < Columns.Length; k++)
        {
            for (var i = 0; i < totals.Length; i++)
            {
                totals[i] = Weights[k] != 0 && Columns[k][i] is { } score ? (totals[i] ?? 0) + (Weights[k] * score) : totals[i];
            }
        }

        return totals;
    }

    /// <summary>Rows of each group that at least one objective of a weight other than 0 scored, in order.</summary>
    public IEnumerable<int[]> ScoredGroups() => Scored().GroupBy(i => Groups[i]).Select(g => g.ToArray());

    /// <summary>Rows that at least one objective of a weight other than 0 scored, in order.</summary>
    public IEnumerable<int> Scored()
    {
        var counted = Columns.Where((_, k) => Weights[k] != 0).ToArray();
        return Enumerable.Range(0, Groups.Length).Where(i => Array.Exists(counted, c => c[i] is not null));
    }

    /// <summary>Numbers made of the weighted sums of each group, apart.</summary>
    /// <param name="withinGroup">From the totals of a group to as many rewards, [G] → [G].</param>
    public float?[] TotalsWithinGroups(Func<float[], float[]> withinGroup)
    {
        ArgumentNullException.ThrowIfNull(withinGroup);
        var totals = Totals();
        var result = new float?[totals.Length];
        foreach (var members in ScoredGroups())
        {
            var rewards = withinGroup(Array.ConvertAll(members, i => totals[i]!.Value));
            for (var i = 0; i < members.Length; i++)
            {
                result[members[i]] = rewards[i];
            }
        }

        return result;
    }
}
