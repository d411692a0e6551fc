namespace RlPrimitives.Tracking;

/// <summary>
/// Several trackers of one run. Logging never waits and never throws: each tracker has a bounded queue and a background task of its own, and what it missed is counted.
/// Secrets are taken out before any tracker sees a record (<see cref="Scrubber"/>).
/// </summary>
public sealed class RunTrackers : IAsyncDisposable
{
    private readonly TrackingLimits limits;
    private readonly TrackerWorker[] workers;
    private readonly Lock gate = new();
    private Task<IReadOnlyList<TrackerReport>>? finished;

    /// <summary>Begins the run in every tracker.</summary>
    /// <param name="run">What is run.</param>
    /// <param name="trackers">Where it is recorded; disposed at the end.</param>
    /// <param name="limits">Memory and time; null for the defaults.</param>
    /// <param name="scrubber">Takes secrets out; null for those of the environment.</param>
    public RunTrackers(RunInfo run, IReadOnlyList<IRunTracker> trackers, TrackingLimits? limits = null, Scrubber? scrubber = null)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(trackers);
        (Run, this.limits) = (run, limits ?? new TrackingLimits());
        var cleaner = scrubber ?? Scrubber.FromEnvironment();
        workers = [.. trackers.Select(t => new TrackerWorker(t, run, cleaner, this.limits))];
    }

    /// <summary>What is run.</summary>
    public RunInfo Run { get; }

    /// <summary>Folder of the files of the run; null where there are none.</summary>
    public string? Folder { get; init; }

    /// <summary>What each tracker has written and missed so far.</summary>
    public IReadOnlyList<TrackerReport> Reports => Array.ConvertAll(workers, w => w.Report);

    /// <summary>Records a step, later and elsewhere.</summary>
    /// <param name="step">Its numbers.</param>
    public void LogStep(StepMetrics step)
    {
        ArgumentNullException.ThrowIfNull(step);
        foreach (var worker in workers)
        {
            worker.Post(step);
        }
    }

    /// <summary>Records the completions of a batch, later and elsewhere; before the step that they belong to.</summary>
    /// <param name="completions">All of one iteration; they must not be changed any more.</param>
    public void LogCompletions(IReadOnlyList<CompletionRow> completions)
    {
        ArgumentNullException.ThrowIfNull(completions);
        if (completions.Count == 0)
        {
            return;
        }

        var characters = completions.Sum(c => c.Characters);
        foreach (var worker in workers)
        {
            worker.Post(completions, characters);
        }
    }

    /// <summary>Ends the run in every tracker and waits for all of them, at most <see cref="TrackingLimits.FinishTimeout"/>. A second call returns the first one's reports.</summary>
    /// <param name="outcome">How it ended.</param>
    public Task<IReadOnlyList<TrackerReport>> FinishAsync(RunOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        lock (gate)
        {
            return finished ??= EndAsync(outcome);
        }
    }

    /// <summary>Ends the run as cancelled if nobody ended it before.</summary>
    public async ValueTask DisposeAsync() =>
        await FinishAsync(new RunOutcome(RunStatus.Cancelled, DateTimeOffset.Now, "the trackers were disposed before the run was finished")).ConfigureAwait(false);

    private async Task<IReadOnlyList<TrackerReport>> EndAsync(RunOutcome outcome)
    {
        using var stop = new CancellationTokenSource();
        var timeIsUp = Task.Delay(limits.FinishTimeout, stop.Token);
        await Task.WhenAll(workers.Select(w => w.FinishAsync(outcome, timeIsUp))).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        return Reports;
    }
}
