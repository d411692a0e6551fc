using System.Globalization;

namespace RlPrimitives.Tracking;

/// <summary>
/// An offline run of Weights &amp; Biases: <c>wandb/offline-run-…-ID</c> with config, history, summary, a table of the completions of every batch and the exit status. Nothing is
/// sent and no key is needed; <c>wandb sync</c> of that folder uploads it.
/// </summary>
/// <param name="folder">Gets the folder <c>wandb</c>; made if it is not there.</param>
/// <param name="project">Project of Weights &amp; Biases; null for the run's.</param>
/// <param name="entity">User or team; null for the uploader's default.</param>
public sealed class WandbTracker(string folder, string? project = null, string? entity = null) : IRunTracker
{
    // A run that is killed keeps a summary that is not older than this.
    private const int StepsPerSummary = 20;

    private readonly string folder = string.IsNullOrWhiteSpace(folder) ? throw new ArgumentException("The folder of the offline run must be named.", nameof(folder)) : folder;
    private readonly Dictionary<string, object?> summary = [];
    private readonly Dictionary<string, object?> pending = [];
    private TransactionLog? log;
    private DateTimeOffset started;
    private int number;
    private int pendingStep;

    /// <inheritdoc/>
    public string Name => "Weights & Biases";

    /// <summary>The folder to give to <c>wandb sync</c>; null before the run has begun.</summary>
    public string? RunFolder { get; private set; }

    /// <inheritdoc/>
    public ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken)
    {
        started = run.Started;
        var at = run.Started;
        while (log is null)
        {
            // Continuing a run makes another folder of the same id: they are uploaded one after the other.
            RunFolder = Path.Combine(folder, "wandb", string.Create(CultureInfo.InvariantCulture, $"offline-run-{at.LocalDateTime:yyyyMMdd_HHmmss}-{run.RunId}"));
            var path = Path.Combine(RunFolder, $"run-{run.RunId}.wandb");
            at = at.AddSeconds(1);
            if (File.Exists(path))
            {
                continue;
            }

            Directory.CreateDirectory(Path.Combine(RunFolder, "files"));
            Directory.CreateDirectory(Path.Combine(RunFolder, "logs"));
            log = new TransactionLog(path);
        }

        Append(WandbRecords.Run(run, project ?? run.Project, entity));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken)
    {
        if (pending.Count > 0 && pendingStep != metrics.Step)
        {
            AppendHistory(pendingStep, metrics.Time, new Dictionary<string, object?>());
        }

        var values = metrics.Values.ToDictionary(v => v.Key, v => (object?)v.Value);
        if (metrics.Alarms.Count > 0)
        {
            values["alarms"] = string.Join("; ", metrics.Alarms.Select(a => $"{a.Name}: {a.Message}"));
        }

        AppendHistory(metrics.Step, metrics.Time, values);
        if (metrics.Step % StepsPerSummary == 0)
        {
            Append(WandbRecords.Summary(summary));
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken)
    {
        var table = WandbTable.Of(completions);
        var path = Path.Combine([RunFolder!, "files", .. table.Path.Split('/')]);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, table.Bytes);
        Append(WandbRecords.MediaFile(table.Path));

        // A step has one line of history: the table waits for the numbers of its step.
        if (pending.Count > 0 && pendingStep != completions[0].Iteration)
        {
            AppendHistory(pendingStep, DateTimeOffset.Now, new Dictionary<string, object?>());
        }

        (pending["completions"], pendingStep) = (table.Value, completions[0].Iteration);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken)
    {
        if (pending.Count > 0)
        {
            AppendHistory(pendingStep, outcome.Ended, new Dictionary<string, object?>());
        }

        var seconds = (int)Math.Max(0, (outcome.Ended - started).TotalSeconds);
        summary["_wandb"] = new Dictionary<string, object?> { ["runtime"] = seconds };
        if (outcome.Message is not null)
        {
            summary["outcome"] = $"{outcome.Status}: {outcome.Message}";
        }

        Append(WandbRecords.Summary(summary));
        // As its own client does: 0 finished, 1 failed, 255 interrupted.
        Append(WandbRecords.Exit(outcome.Status switch { RunStatus.Completed => 0, RunStatus.Failed => 1, _ => 255 }, seconds));
        Append(WandbRecords.Final());
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        log?.Dispose();
        log = null;
        return ValueTask.CompletedTask;
    }

    private void AppendHistory(int step, DateTimeOffset time, IReadOnlyDictionary<string, object?> values)
    {
        var line = new Dictionary<string, object?>(values)
        {
            ["_step"] = step, ["_runtime"] = Math.Max(0, (time - started).TotalSeconds), ["_timestamp"] = time.ToUnixTimeMilliseconds() / 1000.0,
        };
        foreach (var (name, value) in pending)
        {
            line[name] = value;
        }

        Append(WandbRecords.History(step, line));
        pending.Clear();
        foreach (var (name, value) in line)
        {
            summary[name] = value;
        }
    }

    private void Append(ProtoMessage record)
    {
        log!.Append(record.Integer(1, number + 1).ToArray());
        number++;
    }
}
