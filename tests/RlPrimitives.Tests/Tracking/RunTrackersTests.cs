using System.Diagnostics;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

/// <summary>Nothing that a tracker does reaches training.</summary>
public class RunTrackersTests
{
    private static readonly TrackingLimits Short = new() { QueueLength = 4, CallTimeout = TimeSpan.FromMilliseconds(50), FinishTimeout = TimeSpan.FromMilliseconds(300) };

    [Fact]
    public async Task A_tracker_that_always_throws_is_counted_and_the_others_miss_nothing()
    {
        using var folder = new TemporaryFolder();
        await using var run = new RunTrackers(Sample.Run, [new Probe("bad") { OnStep = _ => throw new InvalidOperationException("no"), }, new JsonLinesTracker(folder.Path)]);
        for (var step = 1; step <= 20; step++)
        {
            run.LogCompletions(Sample.Rows(step));
            run.LogStep(Sample.Step(step));
        }

        var reports = await run.FinishAsync(Sample.Outcome);
        Assert.Equal((new TrackedCount(0, 20), new TrackedCount(60, 0), 20, "InvalidOperationException: no", true), (reports[0].Steps, reports[0].Completions, reports[0].Errors, reports[0].LastError, reports[0].IsClosed));
        Assert.Equal((new TrackedCount(20, 0), new TrackedCount(60, 0), 0, null), (reports[1].Steps, reports[1].Completions, reports[1].Errors, reports[1].LastError));
        Assert.Equal(20, RecordedRun.Load(folder.Path).Steps.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tracker_that_hangs_holds_up_neither_a_step_nor_the_end(bool blocks)
    {
        using var release = new ManualResetEventSlim();
        var hanging = new Probe("hanging")
        {
            OnStep = _ =>
            {
                if (blocks)
                {
                    release.Wait();
                    return Task.CompletedTask;
                }

                return new TaskCompletionSource().Task; // ignores its token
            },
        };
        var well = new Probe("well");
        var run = new RunTrackers(Sample.Run, [hanging, well], Short with { QueueLength = 2000, FinishTimeout = TimeSpan.FromSeconds(3) });
        var started = Stopwatch.GetTimestamp();
        for (var step = 1; step <= 1000; step++)
        {
            run.LogStep(Sample.Step(step));
        }

        var logging = Stopwatch.GetElapsedTime(started);
        var reports = await run.FinishAsync(Sample.Outcome);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(20), $"{Stopwatch.GetElapsedTime(started)}"); // the limit is 3 s; the rest is a slow machine
        Assert.True(logging < TimeSpan.FromSeconds(10), $"{logging}");
        Assert.Equal((new TrackedCount(0, 1000), false), (reports[0].Steps, reports[0].IsClosed));
        Assert.Contains("hanging is too slow: not done", reports[0].LastError, StringComparison.Ordinal);
        Assert.Equal((new TrackedCount(1000, 0), true), (reports[1].Steps, reports[1].IsClosed));
        release.Set();
    }

    [Fact]
    public async Task A_call_that_listens_is_cancelled_at_its_limit_and_the_next_is_made()
    {
        var slow = new Probe("slow") { OnToken = (step, token) => step == 1 ? Task.Delay(Timeout.Infinite, token) : Task.CompletedTask };
        await using var run = new RunTrackers(Sample.Run, [slow], Short with { FinishTimeout = TimeSpan.FromSeconds(30) });
        run.LogStep(Sample.Step(1));
        run.LogStep(Sample.Step(2));
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal((new TrackedCount(1, 1), "slow took longer than 0.1 s.", true), (report.Steps, report.LastError, report.IsClosed));
    }

    [Fact]
    public async Task What_finds_the_queue_full_is_dropped_and_counted()
    {
        var gate = new TaskCompletionSource();
        var slow = new Probe("slow") { OnStep = _ => gate.Task };
        await using var run = new RunTrackers(Sample.Run, [slow], new TrackingLimits { QueueLength = 4 });
        for (var step = 1; step <= 50; step++)
        {
            run.LogStep(Sample.Step(step));
        }

        gate.SetResult();
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal(50, report.Steps.Written + report.Steps.Dropped);
        Assert.InRange(report.Steps.Written, 4, 5); // those in the queue, and the one under way
        Assert.Contains("more than 4 records wait", report.LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Completions_that_wait_are_bounded_in_characters()
    {
        var gate = new TaskCompletionSource();
        var slow = new Probe("slow") { OnStep = _ => gate.Task };
        await using var run = new RunTrackers(Sample.Run, [slow], new TrackingLimits { QueueCharacters = 10_000 });
        run.LogStep(Sample.Step(1));
        var row = Sample.Rows(1)[0] with { Response = new string('x', 4_000) };
        for (var i = 0; i < 50; i++)
        {
            run.LogCompletions([row]);
        }

        run.LogStep(Sample.Step(2));
        gate.SetResult();
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal((new TrackedCount(2, 0), new TrackedCount(2, 48)), (report.Steps, report.Completions));
    }

    [Fact]
    public async Task A_tracker_that_could_not_begin_is_begun_again()
    {
        using var folder = new TemporaryFolder();
        var blocked = folder.Write("run", "a file where the folder should be");
        await using var run = new RunTrackers(Sample.Run, [new JsonLinesTracker(blocked)]);
        run.LogStep(Sample.Step(1));
        SpinWait.SpinUntil(() => run.Reports[0].Errors >= 2, TimeSpan.FromSeconds(20));
        File.Delete(blocked);
        run.LogStep(Sample.Step(2));
        var report = (await run.FinishAsync(Sample.Outcome))[0];
        Assert.Equal((new TrackedCount(1, 1), true), (report.Steps, report.IsClosed));
        Assert.Equal(2, Assert.Single(RecordedRun.Load(blocked).Steps).Step);
    }

    [Fact]
    public async Task The_end_is_told_once_and_disposal_without_an_end_is_a_cancellation()
    {
        var (told, left) = (new Probe("told"), new Probe("left"));
        var run = new RunTrackers(Sample.Run, [told]);
        await run.FinishAsync(Sample.Outcome);
        await run.DisposeAsync();
        await new RunTrackers(Sample.Run, [left]).DisposeAsync();
        Assert.Equal([RunStatus.Completed], told.Outcomes.Select(o => o.Status));
        Assert.Equal([RunStatus.Cancelled], left.Outcomes.Select(o => o.Status));
        Assert.Equal((1, 1), (told.Disposals, left.Disposals));
    }

    private sealed class Probe(string name) : IRunTracker
    {
        public string Name => name;

        public Func<int, Task> OnStep { get; init; } = _ => Task.CompletedTask;

        public Func<int, CancellationToken, Task>? OnToken { get; init; }

        public List<RunOutcome> Outcomes { get; } = [];

        public int Disposals { get; private set; }

        public ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken) => default;

        public ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken) => new(OnToken?.Invoke(metrics.Step, cancellationToken) ?? OnStep(metrics.Step));

        public ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken) => default;

        public ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken)
        {
            Outcomes.Add(outcome);
            return default;
        }

        public ValueTask DisposeAsync()
        {
            Disposals++;
            return default;
        }
    }
}
