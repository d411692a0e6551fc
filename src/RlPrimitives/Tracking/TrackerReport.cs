namespace RlPrimitives.Tracking;

/// <summary>What one tracker recorded of a run, and what it missed.</summary>
/// <param name="Tracker">Its name.</param>
/// <param name="Steps">Steps.</param>
/// <param name="Completions">Rows of completions.</param>
/// <param name="Errors">Calls that threw or ran out of time.</param>
/// <param name="LastError">What the last of them said; null where there was none.</param>
/// <param name="IsClosed">Whether the end of the run has reached it.</param>
public sealed record TrackerReport(string Tracker, TrackedCount Steps, TrackedCount Completions, int Errors, string? LastError, bool IsClosed)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{Tracker}: {Steps.Written} steps and {Completions.Written} completions written, {Steps.Dropped} and {Completions.Dropped} missed{(IsClosed ? "" : ", not closed")}{(LastError is null ? "" : $"; last error: {LastError}")}");
}

/// <summary>How many were written, and how many not.</summary>
/// <param name="Written">Recorded.</param>
/// <param name="Dropped">Missed: the queue was full, the tracker threw, or the run was over before it got to them.</param>
public readonly record struct TrackedCount(long Written, long Dropped);
