using System.Collections.Immutable;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>What a collection of rollouts looked like. All but <see cref="Seconds"/> is the same whenever the run is repeated.</summary>
/// <param name="Trajectories">Number collected.</param>
/// <param name="Terminated">Number that reached a terminal state.</param>
/// <param name="Truncated">Number ended by a limit.</param>
/// <param name="Failed">Number whose environment or tool threw or ran out of time.</param>
/// <param name="Turns">Model turns in all.</param>
/// <param name="PromptTokens">Tokens of all first prompts.</param>
/// <param name="ResponseTokens">Sampled tokens.</param>
/// <param name="MeanResponseLength">Sampled tokens per usable trajectory.</param>
/// <param name="MaxResponseLength">Longest response, tokens.</param>
/// <param name="Seconds">Wall time of the collection.</param>
public sealed record RolloutStatistics(
    int Trajectories, int Terminated, int Truncated, int Failed, int Turns, int PromptTokens, int ResponseTokens,
    double MeanResponseLength, int MaxResponseLength, double Seconds)
{
    /// <summary>Sampled tokens of each usable trajectory.</summary>
    public Summary ResponseLengths { get; init; }

    /// <summary>Tokens of each usable trajectory's first prompt.</summary>
    public Summary PromptLengths { get; init; }

    /// <summary>Turns of each usable trajectory.</summary>
    public Summary TurnCounts { get; init; }

    /// <summary>Turns by why the response ended; reasons that did not occur are absent.</summary>
    public ImmutableSortedDictionary<StopReason, int> StopReasons { get; init; } = ImmutableSortedDictionary<StopReason, int>.Empty;

    /// <summary>Failed trajectories by the name of what was thrown.</summary>
    public ImmutableSortedDictionary<string, int> Errors { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>Attempts that were replaced by another.</summary>
    public int Retries { get; init; }

    /// <summary>Tool calls in all turns.</summary>
    public int ToolCalls { get; init; }

    /// <summary>Tool calls that were answered with an error.</summary>
    public int ToolErrors { get; init; }

    /// <summary>Sampled tokens per second of wall time.</summary>
    public double TokensPerSecond => Seconds > 0 ? ResponseTokens / Seconds : 0;

    /// <summary>Share of trajectories ended by a limit, in [0, 1].</summary>
    public double TruncatedFraction => Trajectories > 0 ? (double)Truncated / Trajectories : 0;

    /// <summary>Share of trajectories that failed, in [0, 1].</summary>
    public double FailedFraction => Trajectories > 0 ? (double)Failed / Trajectories : 0;

    /// <summary>The statistics of given trajectories, such as loaded or streamed ones.</summary>
    /// <param name="trajectories">Any number.</param>
    /// <param name="seconds">What collecting them took; 0 where that is not known.</param>
    /// <param name="retries">Attempts that were replaced by another.</param>
    public static RolloutStatistics Of(IReadOnlyList<Trajectory> trajectories, double seconds = 0, int retries = 0)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        var turns = trajectories.Where(t => !t.Turns.IsDefault).SelectMany(t => t.Turns).ToArray();
        var calls = turns.SelectMany(t => t.ToolCalls.IsDefault ? [] : t.ToolCalls).ToArray();
        var usable = trajectories.Where(t => t.IsUsable).ToArray();
        var lengths = Summary.Of(usable.Select(t => (double)t.ResponseTokens));
        return new RolloutStatistics(
            trajectories.Count,
            trajectories.Count(t => t.Status == TrajectoryStatus.Terminated),
            trajectories.Count(t => t.Status == TrajectoryStatus.Truncated),
            trajectories.Count(t => t.Status == TrajectoryStatus.Failed),
            turns.Length,
            trajectories.Sum(PromptLength),
            trajectories.Sum(t => t.ResponseTokens),
            lengths.Count == 0 ? 0 : lengths.Mean,
            lengths.Count == 0 ? 0 : (int)lengths.Max,
            seconds)
        {
            ResponseLengths = lengths,
            PromptLengths = Summary.Of(usable.Select(t => (double)PromptLength(t))),
            TurnCounts = Summary.Of(usable.Select(t => (double)t.Turns.Length)),
            StopReasons = turns.GroupBy(t => t.StopReason).ToImmutableSortedDictionary(g => g.Key, g => g.Count()),
            Errors = trajectories.Where(t => t.Status == TrajectoryStatus.Failed)
                .GroupBy(t => (t.Error ?? "").Split(':')[0], StringComparer.Ordinal).ToImmutableSortedDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal),
            Retries = retries,
            ToolCalls = calls.Length,
            ToolErrors = calls.Count(c => c.Error is not null),
        };
    }

    private static int PromptLength(Trajectory trajectory) => trajectory.Turns.IsDefaultOrEmpty ? 0 : trajectory.Turns[0].PromptIds.Length;
}
