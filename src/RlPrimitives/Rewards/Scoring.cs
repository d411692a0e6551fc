using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Asks every objective about every usable trajectory, as many at once as allowed. What comes back depends on what they answer, not on when.</summary>
internal sealed class Scoring(IObjective[] objectives, RewardOptions options)
{
    private enum Failure
    {
        None,
        TimedOut,
        Threw,
    }

    /// <summary>Scores, [K][B], and what was given up, [K].</summary>
    public async Task<(float?[][] Columns, ObjectiveFailures[] Failures)> ScoreAsync(IReadOnlyList<Trajectory> trajectories, CancellationToken cancellationToken)
    {
        var count = trajectories.Count;
        var outcomes = new Outcome[objectives.Length * count];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var free = new SemaphoreSlim(options.MaxConcurrency);
        var pending = new List<Task>();
        for (var slot = 0; slot < outcomes.Length && !stop.IsCancellationRequested; slot++)
        {
            if (trajectories[slot % count].IsUsable)
            {
                await free.WaitAsync(CancellationToken.None).ConfigureAwait(false); // whoever holds a place gives it back at once when stopped
                var called = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                pending.Add(FillAsync(slot, called));
                await called.Task.ConfigureAwait(false); // one after another: only what is awaited overlaps
                pending.RemoveAll(t => t.IsCompletedSuccessfully);
            }
        }

        await Task.WhenAll(pending).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        if (!options.AbstainOnFailure && Array.FindIndex(outcomes, o => o.Failure != Failure.None) is >= 0 and var failed)
        {
            throw ToException(outcomes[failed], objectives[failed / count], trajectories[failed % count]);
        }

        var rows = objectives.Select((_, k) => outcomes.AsSpan(k * count, count).ToArray()).ToArray();
        return (Array.ConvertAll(rows, r => Array.ConvertAll(r, o => o.Score)),
            Array.ConvertAll(rows, r => new ObjectiveFailures(r.Count(o => o.Failure == Failure.TimedOut), r.Count(o => o.Failure == Failure.Threw))));

        async Task FillAsync(int slot, TaskCompletionSource called)
        {
            try
            {
                outcomes[slot] = await OutcomeAsync(objectives[slot / count], trajectories[slot % count], called, stop.Token).ConfigureAwait(false);
                if (outcomes[slot].Failure != Failure.None && !options.AbstainOnFailure)
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                called.TrySetResult();
                free.Release();
            }
        }
    }

    private async Task<Outcome> OutcomeAsync(IObjective objective, Trajectory trajectory, TaskCompletionSource called, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(options.Timeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        try
        {
            // On a thread of the pool, so that code which never awaits can be left behind too.
            var token = either.Token;
            var call = await Task.Factory.StartNew(() => objective.ScoreAsync(trajectory, token).AsTask(), CancellationToken.None, TaskCreationOptions.DenyChildAttach, TaskScheduler.Default)
                .WaitAsync(token).ConfigureAwait(false);
            called.TrySetResult();
            var score = await call.WaitAsync(token).ConfigureAwait(false);
            return score is null || float.IsFinite(score.Value) ? new Outcome(score, Failure.None, null)
                : new Outcome(null, Failure.Threw, new NotFiniteNumberException(FormattableString.Invariant(
                    $"it returned {score.Value}. Return a finite number, or null to abstain"), score.Value));
        }
        catch (Exception) when (stop.IsCancellationRequested)
        {
            return default; // ScoreAsync throws: the caller's cancellation, or the failure that stopped the others
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            return new Outcome(null, Failure.TimedOut, e);
        }
        catch (Exception e)
        {
            return new Outcome(null, Failure.Threw, e); // thrown on by ScoreAsync, or counted
        }
    }

    private Exception ToException(Outcome outcome, IObjective objective, Trajectory trajectory)
    {
        var where = $"on problem '{trajectory.Problem.Id}', member {trajectory.Member}";
        return outcome.Failure == Failure.TimedOut
            ? new TimeoutException($"Objective '{objective.Name}' took longer than {options.Timeout} {where}.", outcome.Error)
            : new InvalidOperationException($"Objective '{objective.Name}' threw {where}: {outcome.Error!.Message}", outcome.Error);
    }

    private readonly record struct Outcome(float? Score, Failure Failure, Exception? Error);
}
