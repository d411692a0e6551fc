namespace RlPrimitives.Backprop;

/// <summary>Which model the KL penalty measures the distance from.</summary>
public abstract record ReferenceMode
{
    private ReferenceMode()
    {
    }

    /// <summary>A copy of the weights as they are when it is first needed (an algorithm with a KL penalty needs it from its start).</summary>
    public static ReferenceMode FrozenCopy { get; } = new Copy(null, null);

    /// <summary>The model itself without its LoRA adapters: no second set of weights.</summary>
    public static ReferenceMode WithoutLora { get; } = new Bare();

    /// <summary>A copy that follows slowly, ref ← d·ref + (1 − d)·policy after each update.</summary>
    /// <param name="decay">d, in (0, 1).</param>
    public static ReferenceMode MovingAverage(double decay) =>
        new Copy(decay is > 0 and < 1 ? decay : throw new ArgumentOutOfRangeException(nameof(decay), decay, "decay must be above 0 and below 1."), null);

    /// <summary>A copy taken anew after every <paramref name="updates"/> updates.</summary>
    /// <param name="updates">At least 1.</param>
    public static ReferenceMode PeriodicCopy(int updates) =>
        new Copy(null, updates >= 1 ? updates : throw new ArgumentOutOfRangeException(nameof(updates), updates, "updates must be at least 1."));

    internal sealed record Copy(double? Decay, int? Every) : ReferenceMode;

    internal sealed record Bare : ReferenceMode;
}
