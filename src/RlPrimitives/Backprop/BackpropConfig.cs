namespace RlPrimitives.Backprop;

/// <summary>How the model is updated.</summary>
public sealed record BackpropConfig
{
    /// <summary>Step size of the optimizer.</summary>
    public double LearningRate
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(LearningRate), value, "LearningRate must be finite and above 0.");
    } = 1e-6;

    /// <summary>Coefficients of AdamW.</summary>
    public AdamWOptions Optimizer { get; init; } = new();

    /// <summary>Gradients are scaled down to this global L2 norm.</summary>
    public double MaxGradientNorm
    {
        get;
        init => field = value > 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxGradientNorm), value, "MaxGradientNorm must be above 0 (infinity for none).");
    } = 1;

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

    /// <summary>Tokens computed at once; memory only, the result equals one big batch.</summary>
    public int MicroBatchTokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MicroBatchTokens), value, "MicroBatchTokens must be at least 1.");
    } = 4096;

    /// <summary>ε_low of the clipped ratio.</summary>
    public double ClipLow
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(ClipLow), value, "ClipLow must be in [0, 1].");
    } = 0.2;

    /// <summary>ε_high of the clipped ratio.</summary>
    public double ClipHigh
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(ClipHigh), value, "ClipHigh must be at least 0.");
    } = 0.2;

    /// <summary>β, weight of the k3 penalty towards the frozen reference; 0 keeps no reference.</summary>
    public double KlCoefficient
    {
        get;
        init => field = value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(KlCoefficient), value, "KlCoefficient must be finite and at least 0.");
    }

    /// <summary>How per-token losses are averaged.</summary>
    public LossAverage Average { get; init; } = LossAverage.Token;

    /// <summary>Seed of the order in which a batch is dealt into mini-batches.</summary>
    public ulong Seed { get; init; }
}
