using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rollouts;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>What an algorithm tells the trackers: one run for each call of <see cref="Algorithm.StepsAsync"/>. Does nothing where no tracking is asked for.</summary>
/// <param name="tracking">Where; null for nowhere.</param>
/// <param name="seed">Seed of the rollouts.</param>
/// <param name="parts">Options of the parts by name.</param>
internal sealed class RunLog(TrackingConfig? tracking, ulong seed, IReadOnlyDictionary<string, object?> parts)
{
    private RunTrackers? trackers;
    private Exception? failure;
    private bool isComplete;
    private int last;

    /// <summary>Tells nobody.</summary>
    public static RunLog None => new(null, 0, new Dictionary<string, object?>());

    /// <summary>What each tracker has written and missed; empty without tracking.</summary>
    public IReadOnlyList<TrackerReport> Reports => trackers?.Reports ?? [];

    /// <summary>Folder of the files of the run; null without tracking.</summary>
    public string? Folder => trackers?.Folder;

    /// <summary>The log of an algorithm's parts; their options are the run's configuration.</summary>
    public static RunLog Of(
        AlgorithmConfig config, IAdvantageEstimator advantages, UpdateConfig update, BaseEnvironment environment, RolloutManager rollouts, BackpropModule backprop) =>
        new(config.Tracking, rollouts.Config.Seed, config.Tracking is null ? new Dictionary<string, object?>() : new Dictionary<string, object?>
        {
            ["config"] = ConfigSnapshot.Of(config with { Tracking = null, Advantages = null, Update = null }),
            ["advantages"] = ConfigSnapshot.Of(advantages),
            ["update"] = ConfigSnapshot.Of(update),
            ["rollouts"] = ConfigSnapshot.Of(rollouts.Config),
            ["backprop"] = ConfigSnapshot.Of(backprop.Config),
            ["sampling"] = ConfigSnapshot.Of(environment.Sampling),
            ["environment"] = environment.GetType().Name,
            ["model"] = ConfigSnapshot.Of(backprop.Model.Config),
        });

    /// <summary>Begins a run.</summary>
    public void Begin(string algorithm, int done, int iterations)
    {
        (failure, isComplete, last) = (null, false, done);
        if (tracking is null)
        {
            return;
        }

        var run = tracking.NewRun(algorithm, new Dictionary<string, object?>(parts) { ["algorithm"] = algorithm, ["iterations"] = iterations, ["iterations_before"] = done });
        trackers = tracking.Begin(run with
        {
            Seed = seed,
            Versions = new Dictionary<string, string>(run.Versions) { ["TorchSharp"] = typeof(TorchSharp.torch).Assembly.GetName().Version?.ToString(3) ?? "" },
        });
    }

    /// <summary>One iteration; what it throws is how the run ended.</summary>
    public async Task<TrainStep> WatchAsync(Func<Task<TrainStep>> iterate)
    {
        try
        {
            var step = await iterate().ConfigureAwait(false);
            last = step.Iteration;
            trackers?.LogStep(step.ToMetrics());
            return step;
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
    }

    /// <summary>The completions of a batch.</summary>
    public void Completions(int iteration, Experience experience, IReadOnlyDictionary<int, float> advantageOf)
    {
        if (trackers is not null)
        {
            trackers.LogCompletions([.. experience.Rollouts.Trajectories.Take(tracking!.CompletionsPerStep ?? int.MaxValue).Select((t, i) => Row(iteration, i, t, experience, advantageOf))]);
        }
    }

    public void Complete() => isComplete = true;

    /// <summary>Ends the run as completed, failed or cancelled; waits for the trackers, within their limit.</summary>
    /// <param name="isCancelled">Whether the caller asked for the end.</param>
    public async Task EndAsync(bool isCancelled)
    {
        if (trackers is not null)
        {
            var outcome = failure is not null and not OperationCanceledException ? new RunOutcome(RunStatus.Failed, DateTimeOffset.Now, Said(failure))
                : isComplete ? new RunOutcome(RunStatus.Completed, DateTimeOffset.Now)
                : new RunOutcome(RunStatus.Cancelled, DateTimeOffset.Now, FormattableString.Invariant($"{(isCancelled ? "cancelled" : "left")} after iteration {last}"));
            await trackers.FinishAsync(outcome).ConfigureAwait(false);
        }
    }

    private static string Said(Exception? thrown) => thrown is null ? "" : $"{thrown.GetType().Name}: {thrown.Message}{(thrown.InnerException is null ? "" : $" ({Said(thrown.InnerException)})")}";

    private static CompletionRow Row(int iteration, int index, Trajectory trajectory, Experience experience, IReadOnlyDictionary<int, float> advantageOf) => new(
        iteration, trajectory.Group, trajectory.Member, trajectory.Problem.Id, trajectory.Problem.Prompt, trajectory.Response,
        experience.Scores.Objectives.ToDictionary(o => o.Key, o => o.Value[index]), experience.Scores.Totals[index],
        advantageOf.TryGetValue(index, out var advantage) ? advantage : null, trajectory.Status.ToString(),
        trajectory.Turns.IsDefaultOrEmpty ? null : trajectory.Turns[^1].StopReason.ToString(), trajectory.ResponseTokens)
    {
        Turns = trajectory.Turns.IsDefaultOrEmpty || trajectory.Turns.Length == 1 ? [] : [.. trajectory.Turns.Select(t => t.Text)],
        Error = trajectory.Error,
    };
}
