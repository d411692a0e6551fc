namespace RlPrimitives.Backprop;

/// <summary>What an update minimises, and in how many steps: the mathematics of an algorithm. Presets differ by data.</summary>
public sealed record UpdateConfig
{
    /// <summary>GRPO as TRL has it: clipped loss, token mean, no KL.</summary>
    public static UpdateConfig Grpo { get; } = new();

    /// <summary>PPO as TRL has it: four epochs, 0.05·k1 in the reward, clipped value loss.</summary>
    public static UpdateConfig Ppo { get; } = new() { Epochs = 4, Kl = KlPenalty.InReward };

    /// <summary>REINFORCE: −A·lp, one step on each batch.</summary>
    public static UpdateConfig Reinforce { get; } = new() { Loss = new ReinforceLoss() };

    /// <summary>Loss of the policy.</summary>
    public IPolicyLoss Loss { get; init; } = new ClippedLoss();

    /// <summary>How per-token losses are averaged.</summary>
    public LossAverage Average { get; init; } = LossAverage.Token;

    /// <summary>The penalty for leaving the reference.</summary>
    public KlPenalty Kl { get; init; } = KlPenalty.None;

    /// <summary>c of the entropy bonus, loss − c·H; at least 0.</summary>
    public double EntropyCoefficient
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(EntropyCoefficient), value, "EntropyCoefficient must be finite and at least 0.");
    }

    /// <summary>Correction for a sampler whose log-probs differ from the trainer's; null for none.</summary>
    public SamplerCorrection? SamplerCorrection { get; init; }

    /// <summary>Weight of the value loss; at least 0. 0.1 as in TRL, 0.5 in CleanRL.</summary>
    public double ValueCoefficient
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(ValueCoefficient), value, "ValueCoefficient must be finite and at least 0.");
    } = 0.1;

    /// <summary>c, how far a value may move from the one at collection; null for no clip.</summary>
    public double? ValueClip
    {
        get;
        init => field = value is null or > 0 ? value : throw new ArgumentOutOfRangeException(nameof(ValueClip), value, "ValueClip must be above 0, or null for none.");
    } = 0.2;

    /// <summary>Passes over a batch.</summary>
    public int Epochs
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Epochs), value, "Epochs must be at least 1.");
    } = 1;

    /// <summary>Optimizer steps of one pass: the batch is dealt into this many parts.</summary>
    public int MiniBatches
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MiniBatches), value, "MiniBatches must be at least 1.");
    } = 1;

    /// <summary>Ends the update after the optimizer step in which the policy's KL from the one at collection (k3, nats a token) exceeds this; null: never.</summary>
    public double? MaxPolicyKl
    {
        get;
        init => field = value is null or > 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxPolicyKl), value, "MaxPolicyKl must be above 0, or null for no limit.");
    }

    /// <summary>Refuses more than one optimizer step on a batch with a loss that cannot correct for the policy having moved.</summary>
    internal UpdateConfig Checked() => !Loss.NeedsFreshSamples || (Epochs == 1 && MiniBatches == 1) ? this
        : throw new ArgumentException($"{Loss.GetType().Name} has no ratio to the policy that sampled, so from the second optimizer step on its gradient would be that of another policy: " +
            $"Epochs ({Epochs}) and MiniBatches ({MiniBatches}) must be 1. For several steps on a batch take a loss with a ratio: ClippedLoss, as in AlgorithmConfig.ReinforcePlusPlus, or " +
            "SequenceProductLoss, as in AlgorithmConfig.Rloo.");
}
