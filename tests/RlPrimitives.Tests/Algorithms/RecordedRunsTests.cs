using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>What the recorded runs in data/runs show; <c>tests/Benchmarks -- evidence all</c> records them anew.</summary>
public class RecordedRunsTests
{
    [Fact]
    public void Random_walks_are_near_optimal_for_every_seed()
    {
        foreach (var (_, seed, steps) in Runs("random-walks", ["PPO"]))
        {
            Assert.True(Last(steps, "path_optimality", 5) >= 0.9, $"seed {seed}: {Last(steps, "path_optimality", 5)}");
            Assert.True(First(steps, "path_optimality") < 0.3);
        }
    }

    [Fact]
    public void Every_algorithm_teaches_the_shipped_model_to_carry_on_the_same_budget()
    {
        foreach (var (method, seed, steps) in Runs("tiny-calc", ["GRPO", "RLOO", "REINFORCE", "PPO"]))
        {
            Assert.Equal(7680, steps["samples"][^1]);
            Assert.True(Last(steps, "held_out", 1) > 0.75, $"{method}, seed {seed}: {Last(steps, "held_out", 1)}");
        }
    }

    [Fact]
    public void The_calculator_is_called_less_where_it_does_not_pay_and_more_where_it_does()
    {
        foreach (var (_, seed, steps) in Runs("svrl", ["GRPO"]))
        {
            Assert.True(Last(steps, "reward_mean", 5) > First(steps, "reward_mean") + 0.1, $"seed {seed}");
            Assert.True(Last(steps, "tool_cost", 5) > First(steps, "tool_cost") + 0.05, $"seed {seed}: calls a problem {-First(steps, "tool_cost")} → {-Last(steps, "tool_cost", 5)}");
            Assert.True(Last(steps, "calls_easy", 5) < First(steps, "calls_easy") - 0.2, $"seed {seed}");
            Assert.True(Last(steps, "calls_hard", 5) > First(steps, "calls_hard") + 0.1, $"seed {seed}");
        }
    }

    [Fact]
    public void A_fair_price_or_a_corner_keeps_the_calls_that_pay_and_a_high_price_or_bare_fronts_lose_them()
    {
        var runs = Runs("svrl-rewards", ["price 0.4", "price 1.2", "fronts", "fronts, corner"]);
        double[] Ends(string method, string kind) => [.. runs.Where(r => r.Method == method).Select(r => Last(r.Steps, "calls_" + kind, 5))];
        Assert.All(Ends("price 0.4", "hard").Concat(Ends("fronts, corner", "hard")), calls => Assert.True(calls > 0.8, $"{calls}"));
        Assert.All(Ends("price 1.2", "hard"), calls => Assert.True(calls < 0.1, $"{calls}"));
        Assert.All(Ends("fronts", "hard"), calls => Assert.True(calls < 0.4, $"{calls}"));
        Assert.All(runs, r => Assert.True(Last(r.Steps, "calls_easy", 5) < 0.25 && First(r.Steps, "calls_easy") > 0.5, $"{r.Method}, seed {r.Seed}"));
    }

    [Fact]
    public void Pareto_ranks_with_hypervolume_reach_what_a_weighted_sum_reaches_and_crowding_keeps_both_ends()
    {
        var runs = Runs("pareto", ["Pareto rank", "Pareto hypervolume", "GDPO", "sum, brevity 1", "sum, brevity 4"]).ToDictionary(r => (r.Method, r.Seed), r => r.Steps);
        for (var seed = 1; seed <= 3; seed++)
        {
            double Right(string method) => Last(runs[(method, seed)], "exact_match", 5);
            Assert.True(Right("Pareto hypervolume") > 0.75 && Right("Pareto hypervolume") > Right("sum, brevity 1") - 0.1, $"seed {seed}");
            Assert.InRange(Right("Pareto rank"), 0.3, 0.6);
            Assert.True(Right("Pareto hypervolume") > Right("GDPO"), $"seed {seed}");
            Assert.True(Last(runs[("Pareto hypervolume", seed)], "group_hypervolume", 5) >= Last(runs[("Pareto rank", seed)], "group_hypervolume", 5), $"seed {seed}");
        }
    }

    [Fact]
    public void Two_thousand_iterations_leave_tensors_memory_and_processor_time_flat()
    {
        var lines = File.ReadLines(Path.Combine(Fixtures.Root, "data", "benchmarks", "soak.jsonl")).Select(l => System.Text.Json.Nodes.JsonNode.Parse(l)!)
            .Where(l => l["iteration"] is not null).ToArray();
        double[] Column(string name, int after) => [.. lines.Where(l => (int)l["iteration"]! > after).Select(l => (double)l[name]!)];
        Assert.Equal(2000, (int)lines[^1]["iteration"]!);
        Assert.Single(Column("live_tensors", 0).Distinct());
        Assert.All(Column("rss_mb", 200), mb => Assert.InRange(mb, 0, 1.1 * Column("rss_mb", 200)[0]));
        double[] early = Column("process_cpu_seconds_per_iteration", 200)[..10], late = Column("process_cpu_seconds_per_iteration", 1500);
        Assert.True(late.Average() < 1.1 * early.Average(), $"{late.Average()} {early.Average()}");
        Assert.True(Column("sampled_tokens_per_second", 1500).Average() > 0.9 * Column("sampled_tokens_per_second", 200)[..10].Average());
    }

    /// <summary>Three seeds of each method.</summary>
    private static (string Method, int Seed, RecordedCurves Steps)[] Runs(string experiment, string[] methods)
    {
        var runs = RecordedCurves.Load(Path.Combine(Fixtures.Root, "data", "runs", experiment + ".jsonl")).Select(r => (r.Method, Seed: (int)r.Seed, Steps: r)).ToArray();
        Assert.Equal(methods.Order(StringComparer.Ordinal), runs.Select(r => r.Method).Distinct().Order(StringComparer.Ordinal));
        Assert.All(methods, m => Assert.Equal([1, 2, 3], runs.Where(r => r.Method == m).Select(r => r.Seed).Order()));
        return runs;
    }

    private static double First(RecordedCurves steps, string name) => steps[name][0];

    private static double Last(RecordedCurves steps, string name, int count) => steps[name].TakeLast(count).Average();
}
