namespace RlPrimitives.Rewards;

/// <summary>Rewards of a batch, the total and every objective apart. Trajectories without a reward (failed, or all objectives abstained) have null.</summary>
/// <param name="Totals">One for each trajectory; null: outside every baseline, never 0 in silence.</param>
/// <param name="Objectives">By name, one for each trajectory, as scored; null abstained.</param>
/// <param name="Method">How the totals were made from the scores.</param>
public sealed record RewardBatch(float?[] Totals, IReadOnlyDictionary<string, float?[]> Objectives, RewardMethod Method)
{
    /// <summary>Mean of each objective over those that did not abstain; NaN where all did.</summary>
    public IReadOnlyDictionary<string, double> ObjectiveMeans() => Objectives.ToDictionary(
        o => o.Key, o => o.Value.Any(v => v is not null) ? o.Value.Where(v => v is not null).Average(v => (double)v!.Value) : double.NaN);
}
