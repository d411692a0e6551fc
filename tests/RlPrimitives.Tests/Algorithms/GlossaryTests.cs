using System.Collections.Immutable;
using System.Reflection;
using System.Text.RegularExpressions;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>Nothing stands on a step record that the glossary does not explain or a tracker does not record.</summary>
public partial class GlossaryTests
{
    private static readonly (string Prefix, Type Type)[] Parts =
        [("", typeof(TrainStep)), ("Update.", typeof(UpdateStatistics)), ("Rollouts.", typeof(RolloutStatistics)), ("Timings.", typeof(RolloutTimings)), ("Evaluation.", typeof(EvaluationResult)),
        ("Sync.", typeof(WeightSyncReport))];

    [Fact]
    public void Everything_on_a_step_is_in_the_glossary_and_nothing_else_is()
    {
        var rows = File.ReadLines(Path.Combine(Fixtures.Root, "src", "RlPrimitives", "Algorithms", "README.md"))
            .SkipWhile(l => !l.StartsWith("## Glossary", StringComparison.Ordinal)).TakeWhile(l => !l.StartsWith("## Your own", StringComparison.Ordinal))
            .Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Trim('|', ' ').Split(" | ")).ToArray();
        Assert.All(rows, cells => Assert.True(cells.Length == 4 && cells.All(c => c.Trim().Length > 0), $"formula, unit and healthy range: {cells[0]}"));
        var explained = rows.SelectMany(cells => Name().Matches(cells[0]).Select(m => m.Groups[1].Value)).ToArray();
        var there = Parts.SelectMany(p => Properties(p.Type).Select(q => p.Prefix + q.Name)).Except(["Update", "Rollouts", "Timings", "Evaluation", "Sync"]).ToArray();
        Assert.Empty(there.Except(explained));
        Assert.Equal(["Trackers"], explained.Except(there)); // which the history carries
        Assert.Equal(explained.Length, explained.Distinct().Count());
    }

    [Fact]
    public void Every_number_of_a_step_reaches_the_trackers()
    {
        var next = 1000;
        var update = new UpdateStatistics();
        var rollouts = RolloutStatistics.Of([]) with { StopReasons = ImmutableSortedDictionary<StopReason, int>.Empty.Add(StopReason.StopToken, ++next) };
        var given = new Dictionary<string, double> { ["StopReasons"] = next };
        Fill(update);
        Fill(rollouts);
        var step = new TrainStep(1, 1, [], new Dictionary<string, Summary>(), [], 0, update, rollouts, 0);
        Fill(step, "Iteration", "Iterations");
        var recorded = step.ToMetrics().Values.Values.ToHashSet();
        Assert.Empty(given.Where(g => !recorded.Contains(g.Value)).Select(g => g.Key));

        // Another number for each property that can be set and is one.
        void Fill(object record, params string[] but)
        {
            foreach (var property in Properties(record.GetType()).Where(p => p.CanWrite && !but.Contains(p.Name)))
            {
                var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
                if (type == typeof(int) || type == typeof(long) || type == typeof(double))
                {
                    property.SetValue(record, Convert.ChangeType(++next, type, System.Globalization.CultureInfo.InvariantCulture));
                    given[$"{record.GetType().Name}.{property.Name}"] = next;
                }
            }
        }
    }

    [Fact]
    public void Times_spreads_and_intervals_reach_the_trackers_too()
    {
        var timing = new TrajectoryTiming(0, 0, 0, 0, Start: 0, End: 8, ModelSeconds: 5, ToolSeconds: 2, TrajectoryStatus.Terminated);
        var step = new TrainStep(1, 1, [1, 3], new Dictionary<string, Summary> { ["style"] = Summary.Of([2.0, 4]) }, [-1, 1], 0, UpdateStatistics.None, RolloutStatistics.Of([]), 0)
        {
            Timings = new RolloutTimings(Seconds: 10, Places: 1, [timing], Decoding: new BackendActivity(4, 2, 1, 0, 0)),
            Evaluation = new EvaluationResult(4, 2, new Dictionary<int, Interval> { [2] = new(0.5, 0.25, 0.75) }, new Interval(0.4, 0.3, 0.6), 0.45, 7),
        };
        var values = step.ToMetrics().Values;
        foreach (var (name, expected) in new (string, double)[]
        {
            ("rollouts/model_seconds", 5), ("rollouts/tool_seconds", 2), ("rollouts/environment_seconds", 1), ("rollouts/place_occupancy", 0.8), ("rollouts/slot_occupancy", 0.5),
            ("reward/mean", 2), ("reward/max", 3), ("advantage/mean", 0), ("advantage/min", -1), ("objective/style/mean", 3), ("objective/style/min", 2),
            ("evaluation/average", 0.4), ("evaluation/average_low", 0.3), ("evaluation/average_high", 0.6), ("evaluation/pass_at_2_low", 0.25), ("evaluation/reward_mean", 0.45),
        })
        {
            Assert.Equal(expected, values[name], 1e-9);
        }
    }

    private static PropertyInfo[] Properties(Type type) => [.. type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.Name != "EqualityContract")];

    [GeneratedRegex(@"`([A-Za-z.]+)(?:\[name\])?`")]
    private static partial Regex Name();
}
