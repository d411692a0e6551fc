namespace RlPrimitives.Tracking;

/// <summary>How much a tracker may hold up: memory while it is slow, and time at the end. Training never waits for one before that.</summary>
public sealed record TrackingLimits
{
    /// <summary>Steps and batches of completions that may wait for one tracker; what comes while as many wait is missed and counted.</summary>
    public int QueueLength
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(QueueLength), value, "QueueLength must be at least 1.");
    } = 1024;

    /// <summary>Characters of completions that may wait for one tracker.</summary>
    public long QueueCharacters
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(QueueCharacters), value, "QueueCharacters must be at least 1.");
    } = 32L << 20;

    /// <summary>When a call's cancellation token is cancelled.</summary>
    public TimeSpan CallTimeout { get; init => field = Positive(value, nameof(CallTimeout)); } = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait at the end of a run, for all trackers together; what is not written by then is missed and counted.</summary>
    public TimeSpan FinishTimeout { get; init => field = Positive(value, nameof(FinishTimeout)); } = TimeSpan.FromSeconds(15);

    private static TimeSpan Positive(TimeSpan value, string name) => value > TimeSpan.Zero && value < TimeSpan.FromDays(1) ? value
        : throw new ArgumentOutOfRangeException(name, value, $"{name} must be above 0 and below a day.");
}
