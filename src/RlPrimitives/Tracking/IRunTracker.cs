namespace RlPrimitives.Tracking;

/// <summary>
/// A place where a run is recorded. One caller at a time, in this order: begin, then steps and completions, then finish, then dispose; what is thrown loses
/// that record and nothing else (<see cref="RunTrackers"/>).
/// </summary>
public interface IRunTracker : IAsyncDisposable
{
    /// <summary>What reports and messages call it.</summary>
    string Name { get; }

    /// <summary>Opens the record. Called again before the next record where it threw.</summary>
    /// <param name="run">What is run.</param>
    /// <param name="cancellationToken">Ends the call at the time limit.</param>
    ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken);

    /// <summary>Records the numbers of a step.</summary>
    /// <param name="metrics">The numbers; the completions of the same step came before.</param>
    /// <param name="cancellationToken">Ends the call at the time limit.</param>
    ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken);

    /// <summary>Records the completions of a batch.</summary>
    /// <param name="completions">All of one iteration; at least one.</param>
    /// <param name="cancellationToken">Ends the call at the time limit.</param>
    ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken);

    /// <summary>Closes the record.</summary>
    /// <param name="outcome">How the run ended.</param>
    /// <param name="cancellationToken">Ends the call at the time limit.</param>
    ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken);
}
