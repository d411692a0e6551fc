using RlPrimitives.Backprop;
using RlPrimitives.Rewards;

namespace RlPrimitives.Algorithms;

/// <summary>What an algorithm does with collected rollouts.</summary>
public sealed record AlgorithmConfig
{
    /// <summary>B = P·G, trajectories of one iteration; a multiple of the group size.</summary>
    public int BatchSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(BatchSize), value, "BatchSize must be at least 1.");
    } = 128;

    /// <summary>How scores become rewards; null for the reward computer's own method (<see cref="RewardMethod.Absolute"/> for a <see cref="RewardComputer"/>).</summary>
    public IRewardMethod? Rewards { get; init; }

    /// <summary>What centred rewards of a group are divided by.</summary>
    public AdvantageNormalization Normalization { get; init; } = AdvantageNormalization.GroupDeviation;
}
