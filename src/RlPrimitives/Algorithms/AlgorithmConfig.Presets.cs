using RlPrimitives.Backprop;
using RlPrimitives.Rewards;

namespace RlPrimitives.Algorithms;

public sealed partial record AlgorithmConfig
{
    /// <summary>GRPO as published: division by the group's deviation, sequence mean, 0.04·k3 (Shao et al. 2024, arXiv:2402.03300). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig DeepSeekMath { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Average = LossAverage.Sequence, Kl = KlPenalty.InLoss },
    };

    /// <summary>
    /// DAPO: clip-higher, token mean, no KL, groups without variance collected again (Yu et al. 2025, arXiv:2503.14476).
    /// Its length penalty needs the limit: add <c>with { Overlong = new(maxLength, buffer) }</c>. For <see cref="GrpoAlgorithm"/>.
    /// </summary>
    public static AlgorithmConfig Dapo { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Loss = new ClippedLoss(ClipRange.Dapo) },
        DynamicSampling = new DynamicSampling(),
    };

    /// <summary>GSPO: the ratio of whole sequences, clipped (Zheng et al. 2025, arXiv:2507.18071). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig Gspo { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Loss = new GspoLoss(), Average = LossAverage.Sequence },
    };

    /// <summary>CISPO: the ratio is a bounded weight, every token keeps a gradient; TRL's bounds (MiniMax 2025, arXiv:2506.13585). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig Cispo { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Loss = new CispoLoss(CispoBounds.Trl()) },
    };

    /// <summary>SAPO: a soft gate in place of the clip (Gao et al. 2025, arXiv:2511.20347). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig Sapo { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Loss = new SapoLoss(), Average = LossAverage.Sequence },
    };

    /// <summary>GMPO: geometric means of clipped ratios (Zhao et al. 2025, arXiv:2507.20673). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig Gmpo { get; } = new()
    {
        Advantages = new GroupRelativeAdvantage(),
        Update = new UpdateConfig { Loss = new GmpoLoss(), Average = LossAverage.Sequence },
    };

    /// <summary>GDPO: every objective standardised in its group before they are summed, the sum over the batch (Liu et al. 2026, arXiv:2601.05242). For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig Gdpo { get; } = new()
    {
        Rewards = RewardMethod.NormalizeThenSum,
        Advantages = new BatchRelativeAdvantage(),
        Update = new UpdateConfig(),
    };

    /// <summary>RLOO as TRL has it: leave-one-out, whole-sequence ratios, 0.05·k1 in the reward (Ahmadian et al. 2024, arXiv:2402.14740). For <see cref="ReinforceAlgorithm"/>.</summary>
    public static AlgorithmConfig Rloo { get; } = new()
    {
        Advantages = new LeaveOneOutAdvantage(),
        Update = new UpdateConfig { Loss = new SequenceProductLoss(), Average = LossAverage.Sequence, Kl = KlPenalty.InReward },
    };

    /// <summary>REINFORCE++: clipped loss on returns whitened over the batch, KL in the reward (Hu 2025, arXiv:2501.03262). For <see cref="ReinforceAlgorithm"/>.</summary>
    public static AlgorithmConfig ReinforcePlusPlus { get; } = new()
    {
        Advantages = new ReinforcePlusPlusAdvantage(),
        Update = new UpdateConfig { Kl = KlPenalty.InReward with { Coefficient = 0.01 } },
    };

    /// <summary>REINFORCE++ with the group's mean as baseline (Hu 2025, arXiv:2501.03262). For <see cref="ReinforceAlgorithm"/>.</summary>
    public static AlgorithmConfig ReinforcePlusPlusBaseline { get; } = new()
    {
        Advantages = new ReinforcePlusPlusBaselineAdvantage(),
        Update = new UpdateConfig { Kl = KlPenalty.InLoss with { Coefficient = 0.01, Estimator = KlEstimator.K2 } },
    };

    /// <summary>MaxRL: centred rewards divided by the group's mean, so that rare successes weigh more. For <see cref="GrpoAlgorithm"/>.</summary>
    public static AlgorithmConfig MaxRl { get; } = new() { Advantages = new GroupRelativeAdvantage(GroupConvention.MaxRl), Update = new UpdateConfig() };

    /// <summary>Dr.GRPO: no division by the deviation, a constant divisor for the loss (Liu et al. 2025, arXiv:2503.20783). For <see cref="GrpoAlgorithm"/>.</summary>
    /// <param name="maxLength">L_max, the longest response that can be sampled, tokens.</param>
    public static AlgorithmConfig DrGrpo(int maxLength) => new()
    {
        Advantages = new GroupRelativeAdvantage(GroupConvention.DrGrpo),
        Update = new UpdateConfig { Average = LossAverage.Constant(maxLength) },
    };
}
