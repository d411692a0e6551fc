using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

/// <summary>A small run to record.</summary>
internal static class Sample
{
    public static DateTimeOffset Time { get; } = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    public static RunInfo Run { get; } = new("abc12345", "GRPO on sums", "sums", Time)
    {
        Config = new Dictionary<string, object?>
        {
            ["algorithm"] = "GRPO", ["rollouts"] = new Dictionary<string, object?> { ["GroupSize"] = 8L, ["Deterministic"] = true }, ["stops"] = new object?[] { 1L, 2.5, null },
        },
        Versions = new Dictionary<string, string> { ["RlPrimitives"] = "0.1.0" },
        GitCommit = new string('a', 40),
        Seed = ulong.MaxValue,
    };

    public static StepMetrics Step(int step) => new(step, Time.AddSeconds(step), new Dictionary<string, double> { ["reward/mean"] = step / 4.0, ["update/loss"] = -step })
    {
        Alarms = step == 2 ? [new TrackedAlarm("no signal", "all groups are equal", "larger groups")] : [],
        Distributions = new Dictionary<string, float[]> { ["reward"] = [0, 0.25f, 1, 1] },
    };

    public static CompletionRow[] Rows(int iteration) =>
    [
        new(iteration, 0, 0, "p1", "1+1=", "2", new Dictionary<string, float?> { ["right"] = 1, ["short"] = null }, 1, 0.5f, "Terminated", "StopToken", 2),
        new(iteration, 0, 1, "p1", "1+1=", "```<script>alert(1)</script>|ä\n", new Dictionary<string, float?> { ["right"] = 0, ["short"] = 0.5f }, 0, -0.5f, "Truncated", "MaxNewTokens", 8)
        {
            Turns = ["first", "second"],
        },
        new(iteration, 1, 0, "p2", "2+2=", "", new Dictionary<string, float?> { ["right"] = null, ["short"] = null }, null, null, "Failed", null, 0) { Error = "TimeoutException: slow" },
    ];

    public static RunOutcome Outcome { get; } = new(RunStatus.Completed, Time.AddSeconds(60));

    /// <summary>A whole run of three steps, directly.</summary>
    public static async Task PlayAsync(IRunTracker tracker, int steps = 3, RunOutcome? outcome = null)
    {
        await tracker.BeginAsync(Run, default);
        for (var step = 1; step <= steps; step++)
        {
            await tracker.LogCompletionsAsync(Rows(step), default);
            await tracker.LogStepAsync(Step(step), default);
        }

        await tracker.FinishAsync(outcome ?? Outcome, default);
        await tracker.DisposeAsync();
    }
}
