using System.Text.Json.Nodes;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tests;

/// <summary>Runs whose numbers are known.</summary>
internal static class Histories
{
    public static TrainStep Step(int iteration, int iterations, float[] rewards, double seconds = 2, params (string Name, double Mean)[] objectives) => new(
        iteration, iterations, rewards, objectives.ToDictionary(o => o.Name, o => Summary.Of([o.Mean])), new float[rewards.Length], 0.25,
        new UpdateStatistics
        {
            Loss = -0.5, Entropy = 2.0 / iteration, Kl = 0.01 * iteration, ClipLow = 0.02, ClipHigh = 0.03, RatioMean = 1.01, GradientNorm = 0.7,
            LearningRate = 3e-4, SamplerDifference = 1e-6, Tokens = 1000, OptimizerSteps = 4,
        },
        new RolloutStatistics(8, 6, 2, 0, 8, 40, 96, 12, 31, seconds), 1);

    public static TrainingHistory Of(params float[][] rewards) =>
        new("GRPO", [.. rewards.Select((r, i) => Step(i + 1, rewards.Length, r))]);

    /// <summary>Steps with the scores of their trajectories: for each step, for each trajectory (correct, brevity).</summary>
    public static TrainingHistory Scored(params (float? Correct, float? Brevity)[][] steps) => new("GRPO", [.. steps.Select((rows, i) => Step(
        i + 1, steps.Length, Array.ConvertAll(rows, r => r.Correct ?? 0)) with
        {
            Scores = new Dictionary<string, float?[]> { ["correct"] = Array.ConvertAll(rows, r => r.Correct), ["brevity"] = Array.ConvertAll(rows, r => r.Brevity) },
            Groups = Array.ConvertAll(rows, _ => 7), Members = [.. Enumerable.Range(0, rows.Length)],
        })]);

    public static RewardBatch Batch(params (string Name, float?[] Scores)[] objectives) =>
        new(objectives[0].Scores, objectives.ToDictionary(o => o.Name, o => o.Scores), RewardMethod.Absolute);

    public static TrainingHistory Empty => new("GRPO", []);

    public static TrainingHistory Random(int iterations, int batch, int seed, string algorithm = "GRPO")
    {
        var random = new Random(seed);
        return new(algorithm, [.. Enumerable.Range(1, iterations).Select(i => Step(
            i, iterations, [.. Enumerable.Range(0, batch).Select(_ => random.NextSingle() * i / iterations)], 1 + random.NextDouble()))]);
    }

    public static Trajectory Trajectory(string response, int member = 0, string prompt = "1+1=", string answer = "2") => new(
        new Problem("p", prompt, answer), 3, member, [new Turn([1, 2], [3, 4, 5], [-1, -1, -1], response, StopReason.StopToken, 1)], TrajectoryStatus.Terminated);

    public static JsonObject Figure(this Chart chart) => JsonNode.Parse(chart.ToJson())!.AsObject();

    public static JsonObject Trace(this JsonObject figure, string name) => figure["data"]!.AsArray().Select(t => t!.AsObject()).Single(t => (string?)t["name"] == name);

    public static double?[] Numbers(this JsonNode? array) => [.. array!.AsArray().Select(v => v?.GetValue<double>())];
}
