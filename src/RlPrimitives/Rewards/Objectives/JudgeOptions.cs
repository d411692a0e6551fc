using Microsoft.Extensions.AI;

namespace RlPrimitives.Rewards;

/// <summary>How a judge is asked.</summary>
public sealed record JudgeOptions
{
    /// <summary>Score of the worst response; below <see cref="Highest"/>.</summary>
    public float Lowest { get; init; }

    /// <summary>Score of the best response. A verdict outside of the range is none.</summary>
    public float Highest { get; init; } = 1;

    /// <summary>Whether the judge sees the problem's answer, where there is one.</summary>
    public bool ShowsAnswer { get; init; } = true;

    /// <summary>Whether it sees every turn of the model; otherwise the last response only.</summary>
    public bool ShowsWholeTrajectory { get; init; }

    /// <summary>Most questions under way at once, at least 1.</summary>
    public int MaxConcurrency
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxConcurrency), value, "MaxConcurrency must be at least 1.");
    } = 8;

    /// <summary>Tries to get a verdict before it abstains, at least 1.</summary>
    public int Attempts
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Attempts), value, "Attempts must be at least 1.");
    } = 2;

    /// <summary>Longest time for one try, positive.</summary>
    public TimeSpan Timeout
    {
        get;
        init => field = value > TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(nameof(Timeout), value, "Timeout must be positive.");
    } = TimeSpan.FromMinutes(1);

    /// <summary>Most verdicts remembered, at least 1; the oldest are forgotten.</summary>
    public int MaxRemembered
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxRemembered), value, "MaxRemembered must be at least 1.");
    } = 100_000;

    /// <summary>Temperature, model and the like; null for temperature 0. The form of the answer is set where it is not given here.</summary>
    public ChatOptions? Chat { get; init; }

    /// <summary>The clock of <see cref="Timeout"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
