using System.Threading.Channels;

namespace RlPrimitives.Tracking;

/// <summary>One tracker with its own queue and its own background task: nothing that it does, throws or waits for reaches the caller.</summary>
internal sealed class TrackerWorker
{
    private readonly IRunTracker tracker;
    private readonly RunInfo info;
    private readonly Scrubber scrubber;
    private readonly TrackingLimits limits;
    private readonly Channel<Entry> queue;
    private readonly CancellationToken abandoned;
    private readonly Action abandon;
    private readonly Task running;
    private RunOutcome? outcome;
    private long queuedCharacters;
    private long stepsGiven, stepsWritten, rowsGiven, rowsWritten;
    private int errors;
    private volatile string? lastError;
    private volatile bool hasBegun;
    private volatile bool isClosed;

    public TrackerWorker(IRunTracker tracker, RunInfo info, Scrubber scrubber, TrackingLimits limits)
    {
        (this.tracker, this.info, this.scrubber, this.limits) = (tracker, scrubber.Clean(info), scrubber, limits);
        var left = new CancellationTokenSource();
        (abandoned, abandon) = (left.Token, left.Cancel);
        queue = Channel.CreateBounded<Entry>(new BoundedChannelOptions(limits.QueueLength) { SingleReader = true });
        running = Task.Run(RunAsync);
    }

    public TrackerReport Report
    {
        get
        {
            var (steps, rows) = (Interlocked.Read(ref stepsWritten), Interlocked.Read(ref rowsWritten));
            return new TrackerReport(
                tracker.Name, new TrackedCount(steps, Math.Max(0, Interlocked.Read(ref stepsGiven) - steps)),
                new TrackedCount(rows, Math.Max(0, Interlocked.Read(ref rowsGiven) - rows)), Volatile.Read(ref errors), lastError, isClosed);
        }
    }

    /// <summary>Never waits: what finds no place is missed.</summary>
    public void Post(StepMetrics step)
    {
        Interlocked.Increment(ref stepsGiven);
        Post(new Entry(step, [], 0));
    }

    /// <summary>Never waits: what finds no place is missed.</summary>
    public void Post(IReadOnlyList<CompletionRow> rows, long characters)
    {
        Interlocked.Add(ref rowsGiven, rows.Count);
        if (Interlocked.Read(ref queuedCharacters) + characters <= limits.QueueCharacters)
        {
            Post(new Entry(null, rows, characters));
        }
        else
        {
            Missed($"more than {limits.QueueCharacters} characters of completions wait");
        }
    }

    /// <summary>Tells it that the run is over and waits until all is written, or the time is up.</summary>
    public async Task FinishAsync(RunOutcome ended, Task timeIsUp)
    {
        outcome = scrubber.Clean(ended);
        queue.Writer.TryComplete();
        if (await Task.WhenAny(running, timeIsUp).ConfigureAwait(false) != running)
        {
            Missed($"not done {limits.FinishTimeout.TotalSeconds:0.#} s after the end of the run");
            abandon();
        }
    }

    private void Post(Entry entry)
    {
        Interlocked.Add(ref queuedCharacters, entry.Characters);
        if (!queue.Writer.TryWrite(entry))
        {
            Interlocked.Add(ref queuedCharacters, -entry.Characters);
            Missed($"more than {limits.QueueLength} records wait");
        }
    }

    private void Missed(string why) => lastError ??= $"{tracker.Name} is too slow: {why}.";

    private async Task RunAsync()
    {
        await BeginAsync().ConfigureAwait(false);
        while (await queue.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            while (!abandoned.IsCancellationRequested && queue.Reader.TryRead(out var entry))
            {
                await WriteAsync(entry).ConfigureAwait(false);
            }

            if (abandoned.IsCancellationRequested)
            {
                break;
            }
        }

        if (hasBegun && !abandoned.IsCancellationRequested)
        {
            isClosed = await TryAsync(limit => tracker.FinishAsync(outcome!, limit)).ConfigureAwait(false);
        }

        await TryAsync(_ => tracker.DisposeAsync()).ConfigureAwait(false);
    }

    private async Task BeginAsync() => hasBegun = await TryAsync(limit => tracker.BeginAsync(info, limit)).ConfigureAwait(false);

    private async Task WriteAsync(Entry entry)
    {
        Interlocked.Add(ref queuedCharacters, -entry.Characters);
        if (!hasBegun)
        {
            await BeginAsync().ConfigureAwait(false);
        }

        if (!hasBegun)
        {
            return; // missed: given and not written
        }

        if (entry.Step is { } step)
        {
            var clean = scrubber.Clean(step);
            Interlocked.Add(ref stepsWritten, await TryAsync(limit => tracker.LogStepAsync(clean, limit)).ConfigureAwait(false) ? 1 : 0);
        }
        else
        {
            CompletionRow[] clean = [.. entry.Rows.Select(scrubber.Clean)];
            Interlocked.Add(ref rowsWritten, await TryAsync(limit => tracker.LogCompletionsAsync(clean, limit)).ConfigureAwait(false) ? clean.Length : 0);
        }
    }

    // The one place where whatever a tracker throws ends: it is counted and reported.
    private async Task<bool> TryAsync(Func<CancellationToken, ValueTask> call)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(abandoned);
        limit.CancelAfter(limits.CallTimeout);
        try
        {
            await call(limit.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e)
        {
            Interlocked.Increment(ref errors);
            lastError = e is OperationCanceledException && limit.IsCancellationRequested
                ? $"{tracker.Name} took longer than {limits.CallTimeout.TotalSeconds:0.#} s."
                : scrubber.Clean($"{e.GetType().Name}: {e.Message}");
            return false;
        }
    }

    private sealed record Entry(StepMetrics? Step, IReadOnlyList<CompletionRow> Rows, long Characters);
}
