namespace RlPrimitives.Tracking;

/// <summary>How a run ended.</summary>
public enum RunStatus
{
    /// <summary>It did all that was asked.</summary>
    Completed,

    /// <summary>Something was thrown.</summary>
    Failed,

    /// <summary>It was cancelled, or its loop was left early.</summary>
    Cancelled,
}

/// <summary>The end of a run.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Ended">When.</param>
/// <param name="Message">What was thrown, or where it was left; null where it completed.</param>
public sealed record RunOutcome(RunStatus Status, DateTimeOffset Ended, string? Message = null);
