namespace RlPrimitives.Backprop;

/// <summary>How gradients become weights: the machinery of an update. What is minimised is <see cref="UpdateConfig"/>.</summary>
public sealed record BackpropConfig
{
    /// <summary>Step size of the optimizer, unless there is a <see cref="Schedule"/>.</summary>
    public double LearningRate
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(LearningRate), value, "LearningRate must be finite and above 0.");
    } = 1e-6;

    /// <summary>The learning rate of each optimizer step, counted from 1; null for a constant one.</summary>
    public LearningRateSchedule? Schedule { get; init; }

    /// <summary>Coefficients of AdamW.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>Gradients are scaled down to this global L2 norm; those of a value model apart.</summary>
    public double MaxGradientNorm
    {
        get;
        init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxGradientNorm), value, "MaxGradientNorm must be above 0 (infinity for none).");
    } = 1;

    /// <summary>Tokens computed at once; memory only, the result equals one big batch.</summary>
    public int MicroBatchTokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MicroBatchTokens), value, "MicroBatchTokens must be at least 1.");
    } = 4096;

    /// <summary>Whether each layer is computed again in the backward pass instead of being remembered: less memory, about a third more time, the same gradients.</summary>
    public bool CheckpointActivations { get; init; }

    /// <summary>What the KL penalty measures from; null for the model without LoRA where it has adapters, else a frozen copy.</summary>
    public ReferenceMode? Reference { get; init; }

    /// <summary>A value estimate beside the policy, as PPO needs it; null for none.</summary>
    public ValueConfig? Value { get; init; }

    /// <summary>Where a refused batch is written; null for a folder of the system's temporary one.</summary>
    public string? FaultFolder { get; init; }

    /// <summary>Seed of the order in which a batch is dealt into mini-batches, and of a value head's weights.</summary>
    public ulong Seed { get; init; }
}

/// <summary>How values are estimated.</summary>
public sealed record ValueConfig
{
    /// <summary>Whether the value head has a copy of the model below it; otherwise it reads the policy's own features, and both train them.</summary>
    public bool SeparateTrunk { get; init; }

    /// <summary>Features of the head's hidden layer; 0 for a linear head.</summary>
    public int HiddenWidth
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(HiddenWidth), value, "HiddenWidth must be at least 0.");
    }

    /// <summary>Step size of the head (and its separate trunk) as a multiple of the policy's; above 0. verl's default is 10.</summary>
    public double LearningRateFactor
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(LearningRateFactor), value, "LearningRateFactor must be finite and above 0.");
    } = 1;
}
