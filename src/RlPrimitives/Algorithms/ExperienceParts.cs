using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Parts of several collections made into one batch.</summary>
internal static class ExperienceParts
{
    /// <summary>One batch of all, groups numbered anew.</summary>
    public static (RolloutBatch Rollouts, RewardBatch Scores) Join(IReadOnlyList<(RolloutBatch Rollouts, RewardBatch Scores)> parts)
    {
        if (parts.Count == 1)
        {
            return parts[0];
        }

        var trajectories = new List<Trajectory>();
        var timeline = new List<TrajectoryTiming>();
        var (group, seconds) = (-1, 0.0);
        foreach (var (rollouts, _) in parts)
        {
            var (before, start) = (group + 1, seconds);
            timeline.AddRange(rollouts.Timings.Timeline.Select(t => t with { Group = t.Group + before, Start = t.Start + start, End = t.End + start }));
            seconds += rollouts.Timings.Seconds;
            foreach (var members in rollouts.Trajectories.GroupBy(t => t.Group))
            {
                group++;
                trajectories.AddRange(members.Select(t => t with { Group = group }));
            }
        }

        var decoding = parts.Select(p => p.Rollouts.Timings.Decoding).Aggregate((a, b) => a is { } one && b is { } two ? one.And(two) : null);
        var first = parts[0].Scores; // its hypervolume stays: those of parts do not add up, and the first is of an unselected batch
        return (new RolloutBatch(trajectories, RolloutStatistics.Of(trajectories, seconds, parts.Sum(p => p.Rollouts.Statistics.Retries)),
            new RolloutTimings(seconds, parts.Max(p => p.Rollouts.Timings.Places), timeline, decoding), [.. parts.SelectMany(p => p.Rollouts.Retried)]), first with
        {
            Totals = [.. parts.SelectMany(p => p.Scores.Totals)],
            Objectives = first.Objectives.ToDictionary(o => o.Key, o => parts.SelectMany(p => p.Scores.Objectives[o.Key]).ToArray()),
            Failures = first.Failures.ToDictionary(f => f.Key, f => new ObjectiveFailures(parts.Sum(p => p.Scores.Failures[f.Key].TimedOut), parts.Sum(p => p.Scores.Failures[f.Key].Threw))),
        });
    }
}
