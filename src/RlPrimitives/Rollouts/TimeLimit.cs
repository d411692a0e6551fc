using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>The time that one trajectory may spend outside the model, in one step and in all: waiting for the model does not count.</summary>
/// <param name="config">The limits and their clock.</param>
/// <param name="participant">Knows how long the model was waited for.</param>
internal sealed class TimeLimit(RolloutConfig config, AdmissionGate.Participant participant)
{
    // What ignores a cancellation for so long is left behind.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Coarsest = TimeSpan.FromMilliseconds(10);

    private readonly long began = config.Time.GetTimestamp();

    /// <summary>Time since the trajectory began, without that spent waiting for the model.</summary>
    private TimeSpan Outside => config.Time.GetElapsedTime(began) - participant.InModel;

    /// <summary>Runs <paramref name="body"/> on the pool, so that even one that never awaits can be left behind.</summary>
    /// <param name="what">Its name in the message.</param>
    /// <param name="body">Gets a token that is cancelled with <paramref name="cancellationToken"/> and when the time is up.</param>
    /// <param name="cancellationToken">Ends it; it gets a little time to end by itself.</param>
    /// <exception cref="TimeoutException">The time is up.</exception>
    public async Task<T> Run<T>(string what, Func<CancellationToken, Task<T>> body, CancellationToken cancellationToken)
    {
        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken); // not disposed if left behind: its token is still in use
        var stepBegan = Outside;
        var task = Task.Run(() => body(stop.Token), CancellationToken.None);
        try
        {
            while (!task.IsCompleted && !cancellationToken.IsCancellationRequested)
            {
                var left = Left(config.StepTimeout, stepBegan);
                var leftOfAll = Left(config.TrajectoryTimeout, TimeSpan.Zero);
                if (left <= TimeSpan.Zero || leftOfAll <= TimeSpan.Zero)
                {
                    throw new TimeoutException(left <= TimeSpan.Zero
                        ? $"{what} took longer than {config.StepTimeout} outside the model (RolloutConfig.StepTimeout)."
                        : $"The trajectory took longer than {config.TrajectoryTimeout} outside the model (RolloutConfig.TrajectoryTimeout), at {what}.");
                }

                await Either(task, left < leftOfAll ? left : leftOfAll, cancellationToken).ConfigureAwait(false);
            }

            if (!task.IsCompleted)
            {
                await Either(task, Grace, CancellationToken.None).ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }

            return await task.ConfigureAwait(false);
        }
        finally
        {
            if (task.IsCompleted)
            {
                stop.Dispose();
            }
            else
            {
                participant.Dispose(); // first: from here on it cannot ask the model
                _ = task.ContinueWith(static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                _ = stop.CancelAsync();
            }
        }
    }

    private TimeSpan Left(TimeSpan limit, TimeSpan since) => limit == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : limit - (Outside - since);

    private async Task Either(Task task, TimeSpan time, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var wait = time < Coarsest ? Coarsest : time > TimeSpan.FromDays(1) ? TimeSpan.FromDays(1) : time;
        await Task.WhenAny(task, Task.Delay(wait, config.Time, done.Token)).ConfigureAwait(false);
        await done.CancelAsync().ConfigureAwait(false);
    }
}
