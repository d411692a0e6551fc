using System.Collections.Immutable;

namespace RlPrimitives.Environments;

/// <summary>Limits of tool calls.</summary>
public sealed record ToolOptions
{
    /// <summary>Longest time for one call, positive; 10 s by default. A tool that does not heed its token is left behind.</summary>
    public TimeSpan Timeout
    {
        get;
        init => field = value > TimeSpan.Zero || value == System.Threading.Timeout.InfiniteTimeSpan ? value
            : throw new ArgumentOutOfRangeException(nameof(Timeout), value, "Timeout must be positive, or infinite.");
    } = TimeSpan.FromSeconds(10);

    /// <summary>Most characters of a result, at least 1; what is beyond is cut, with a mark that says how much.</summary>
    public int MaxOutput
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxOutput), value, "MaxOutput must be at least 1.");
    } = 2000;

    /// <summary>Most calls of one response that are answered, at least 1; of the rest the first is answered with an error.</summary>
    public int MaxCalls
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxCalls), value, "MaxCalls must be at least 1.");
    } = 8;

    /// <summary>What a call of a tool spends, at least 0 each; 1 for those not named, and for calls that name no tool.</summary>
    public ImmutableDictionary<string, int> Costs
    {
        get;
        init => field = value.Values.All(c => c >= 0) ? value : throw new ArgumentOutOfRangeException(nameof(Costs), "A tool's cost must be at least 0.");
    } = ImmutableDictionary<string, int>.Empty;

    /// <summary>The clock of <see cref="Timeout"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
