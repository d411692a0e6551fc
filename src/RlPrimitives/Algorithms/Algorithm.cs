using System.Runtime.CompilerServices;

namespace RlPrimitives.Algorithms;

/// <summary>A training loop. Subclasses say what one iteration does; this class runs them, as a stream or to the end.</summary>
public abstract class Algorithm
{
    private int iterationsDone;

    /// <summary>Name for records and chart titles.</summary>
    public abstract string Name { get; }

    /// <summary>Trains, one record an iteration. Leaving the loop leaves the model as it is after the last record.</summary>
    /// <param name="iterations">How many.</param>
    /// <param name="cancellationToken">Ends the training at the next safe point.</param>
    public async IAsyncEnumerable<TrainStep> StepsAsync(int iterations, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(iterations, 1);
        var last = iterationsDone + iterations;
        while (iterationsDone < last)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var step = await IterateAsync(iterationsDone + 1, last, cancellationToken).ConfigureAwait(false);
            iterationsDone++;
            yield return step;
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

        return new TrainingHistory(Name, steps);
    }

    /// <summary>One iteration: collect, score, update.</summary>
    /// <param name="iteration">1-based.</param>
    /// <param name="iterations">How many there will be in all.</param>
    /// <param name="cancellationToken">Ends it at the next safe point.</param>
    protected abstract Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken);
}
