using System.Runtime.CompilerServices;
using RlPrimitives.Rollouts;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>A training loop. Subclasses say what one iteration does; this class runs them, as a stream or to the end, and saves and resumes.</summary>
public abstract class Algorithm
{
    private readonly List<TrainStep> recorded = [];
    private readonly OneAtATime oneAtATime = new();
    private CheckpointKeeper? keeper;

    /// <summary>Name for records and chart titles.</summary>
    public abstract string Name { get; }

    /// <summary>Iterations done, those of a resumed run included.</summary>
    public int IterationsDone { get; private set; }

    /// <summary>Every step of the run so far, those before a resumption included; without the timings of rollouts.</summary>
    public TrainingHistory History => new(Name, [.. recorded]);

    /// <summary>What each tracker of the newest run has written and missed; empty without <see cref="AlgorithmConfig.Tracking"/>.</summary>
    public IReadOnlyList<TrackerReport> Trackers => Setup?.Log.Reports ?? [];

    /// <summary>Folder of the newest run's record; null without <see cref="AlgorithmConfig.Tracking"/>.</summary>
    public string? RunFolder => Setup?.Log.Folder;

    /// <summary>The parts put together; null for an algorithm of another make, which cannot be checkpointed by this class.</summary>
    internal virtual AlgorithmSetup? Setup => null;

    /// <summary>Trains, one record an iteration. Leaving the loop leaves the model as it is after the last record.</summary>
    /// <param name="iterations">How many.</param>
    /// <param name="cancellationToken">Ends the training at the next safe point; so does interrupting the notebook cell that it runs in.</param>
    /// <exception cref="InvalidOperationException">Another training of this algorithm is under way.</exception>
    public async IAsyncEnumerable<TrainStep> StepsAsync(int iterations, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Interruption.Token);
        var turn = await oneAtATime.EnterAsync(stop.Token).ConfigureAwait(false);
        var last = IterationsDone + iterations;
        var log = Setup?.Log ?? RunLog.None;
        try
        {
            if (turn.Replaces)
            {
                await log.EndAsync(isCancelled: true).ConfigureAwait(false);
            }

            log.Begin(Name, IterationsDone, iterations);
            while (IterationsDone < last)
            {
                stop.Token.ThrowIfCancellationRequested();
                var step = await log.WatchAsync(() => NextAsync(last, stop.Token)).ConfigureAwait(false);
                turn.IsHandedOver = true;
                yield return step;
                turn.IsHandedOver = false;
            }

            log.Complete();
        }
        finally
        {
            if (turn.IsCurrent)
            {
                await log.EndAsync(stop.IsCancellationRequested).ConfigureAwait(false);
            }

            turn.Leave();
        }
    }

    /// <summary>Trains to the end.</summary>
    /// <param name="iterations">How many.</param>
    /// <param name="progress">Told of each iteration.</param>
    /// <param name="cancellationToken">Ends the training at the next safe point.</param>
    public async Task<TrainingHistory> TrainAsync(int iterations, IProgress<TrainStep>? progress = null, CancellationToken cancellationToken = default)
    {
        var steps = new List<TrainStep>(iterations);
        await foreach (var step in StepsAsync(iterations, cancellationToken).ConfigureAwait(false))
        {
            steps.Add(step);
            progress?.Report(step);
        }

        return new TrainingHistory(Name, steps) { Trackers = Trackers };
    }

    /// <summary>Writes a checkpoint of the training as it is after the last iteration; not while one is under way.</summary>
    /// <param name="best">Whether to keep it as the best so far, whatever its value.</param>
    /// <returns>Its folder.</returns>
    /// <exception cref="InvalidOperationException">There is no <see cref="AlgorithmConfig.CheckpointDirectory"/>.</exception>
    /// <exception cref="IOException">It could not be written; earlier checkpoints are as they were.</exception>
    public Task<string> SaveCheckpointAsync(bool best = false) => Keeper().SaveAsync(best);

    /// <summary>
    /// Goes on from the newest checkpoint whose files are whole, bit for bit as the interrupted run would have gone on on the same machine. Call it on a fresh algorithm
    /// configured as that run was, before the first iteration. Where there is no checkpoint at all nothing happens.
    /// </summary>
    /// <returns>What was resumed, and which checkpoints were passed over because they are damaged.</returns>
    /// <exception cref="InvalidOperationException">There is no <see cref="AlgorithmConfig.CheckpointDirectory"/>, or training has begun already.</exception>
    /// <exception cref="InvalidDataException">Every checkpoint is damaged, or the newest whole one is of another run: other problems, model, adapters or algorithm.</exception>
    public async Task<Resumption> ResumeAsync()
    {
        if (IterationsDone > 0)
        {
            throw new InvalidOperationException($"{IterationsDone} iterations were trained already: resume with a fresh algorithm, model and backprop module.");
        }

        var (resumption, steps) = await Keeper().ResumeAsync().ConfigureAwait(false);
        IterationsDone = resumption.Iteration;
        recorded.AddRange(steps);
        return resumption;
    }

    /// <summary>One iteration: collect, score, update.</summary>
    /// <param name="iteration">1-based.</param>
    /// <param name="iterations">How many there will be in all.</param>
    /// <param name="cancellationToken">Ends it at the next safe point.</param>
    protected abstract Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken);

    private async Task<TrainStep> NextAsync(int last, CancellationToken cancellationToken)
    {
        var step = await IterateAsync(IterationsDone + 1, last, cancellationToken).ConfigureAwait(false);
        IterationsDone++;
        recorded.Add(step with { Timings = null });
        if (Setup?.Config.CheckpointDirectory is not null && await Keeper().AfterStepAsync(step, last).ConfigureAwait(false) is { } notSaved)
        {
            step = step with { Alarms = [.. step.Alarms, notSaved] };
            recorded[^1] = step with { Timings = null };
        }

        return step;
    }

    private CheckpointKeeper Keeper() => keeper ??= new CheckpointKeeper(
        Setup ?? throw new InvalidOperationException($"{GetType().Name} is not made of the library's parts: save its model with CausalLM.Save and BackpropModule.SaveAsync."),
        Name, () => IterationsDone, recorded);
}
