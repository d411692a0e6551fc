namespace RlPrimitives.Tracking;

/// <summary>The numbers of one step.</summary>
/// <param name="Step">1-based.</param>
/// <param name="Time">When it ended.</param>
/// <param name="Values">By name; '/' in a name makes groups. What was not measured is absent.</param>
public sealed record StepMetrics(int Step, DateTimeOffset Time, IReadOnlyDictionary<string, double> Values)
{
    /// <summary>Warnings of the step.</summary>
    public IReadOnlyList<TrackedAlarm> Alarms { get; init; } = [];

    /// <summary>Numbers whose distribution matters, by name: the rewards of a batch.</summary>
    public IReadOnlyDictionary<string, float[]> Distributions { get; init; } = new Dictionary<string, float[]>();
}

/// <summary>A warning as it is recorded.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Message">What was seen.</param>
/// <param name="Remedy">What usually helps.</param>
public sealed record TrackedAlarm(string Name, string Message, string Remedy);
