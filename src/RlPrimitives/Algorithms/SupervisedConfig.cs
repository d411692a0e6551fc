namespace RlPrimitives.Algorithms;

/// <summary>How a model is trained on given examples.</summary>
public sealed record SupervisedConfig
{
    /// <summary>Examples of one step.</summary>
    public int BatchSize
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(BatchSize), value, "BatchSize must be at least 1.");
    } = 64;

    /// <summary>Steps over which the learning rate rises linearly from 0.</summary>
    public int WarmupSteps
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(WarmupSteps), value, "WarmupSteps must be at least 0.");
    }

    /// <summary>Share of the peak learning rate that is left at the end of the cosine decay; 1 for no decay.</summary>
    public double FinalLearningRateFraction
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(FinalLearningRateFraction), value, "FinalLearningRateFraction must be in [0, 1].");
    } = 1;

    /// <summary>Seed of the order of examples.</summary>
    public ulong Seed { get; init; }
}
