namespace RlPrimitives.Tracking;

/// <summary>
/// The record that is always written: <c>steps.jsonl</c> and <c>completions.jsonl</c>, one object a line, flushed line by line, each with its schema version; readable while
/// the run is alive. A folder that has them already is continued; a last line that was torn by a crash stays, alone on its line. <see cref="RecordedRun"/> reads them back.
/// </summary>
/// <param name="folder">Where; made if it is not there.</param>
public sealed class JsonLinesTracker(string folder) : IRunTracker
{
    private AppendedFile? steps;
    private AppendedFile? completions;

    /// <inheritdoc/>
    public string Name => "JSON lines";

    /// <summary>Where the files are.</summary>
    public string Folder { get; } = string.IsNullOrWhiteSpace(folder) ? throw new ArgumentException("The folder of the record must be named.", nameof(folder)) : Path.GetFullPath(folder);

    /// <inheritdoc/>
    public ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Folder);
        steps ??= Open(RecordedRun.StepsFile);
        completions ??= Open(RecordedRun.CompletionsFile);
        steps.Append(JsonLinesFormat.Line(run));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken)
    {
        steps!.Append(JsonLinesFormat.Line(metrics));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken)
    {
        using var batch = new MemoryStream();
        foreach (var row in completions)
        {
            batch.Write(JsonLinesFormat.Line(row));
        }

        this.completions!.Append(batch.GetBuffer().AsSpan(0, (int)batch.Length)); // whole or not at all
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken)
    {
        steps!.Append(JsonLinesFormat.Line(outcome));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        steps?.Dispose();
        completions?.Dispose();
        (steps, completions) = (null, null);
        return ValueTask.CompletedTask;
    }

    private AppendedFile Open(string name)
    {
        var file = new AppendedFile(Path.Combine(Folder, name));
        if (file.LastByte is not (null or (byte)'\n'))
        {
            file.Append("\n"u8);
        }

        return file;
    }
}
