using System.Globalization;
using System.Text;

namespace RlPrimitives.Tracking;

/// <summary>TensorBoard's event files: every number a scalar, distributions as histograms, warnings and a sample of the completions as text. Show them with <c>tensorboard --logdir</c>.</summary>
/// <param name="folder">Where; made if it is not there.</param>
/// <param name="completions">Completions of a batch that are shown; the first ones. JSON lines have them all.</param>
public sealed class TensorBoardTracker(string folder, int completions = 8) : IRunTracker
{
    private readonly string folder = string.IsNullOrWhiteSpace(folder) ? throw new ArgumentException("The folder of the event files must be named.", nameof(folder)) : folder;
    private readonly int sample = completions >= 0 ? completions : throw new ArgumentOutOfRangeException(nameof(completions), completions, "The number of completions must be at least 0.");
    private EventFile? file;
    private DateTimeOffset last;

    /// <inheritdoc/>
    public string Name => "TensorBoard";

    /// <inheritdoc/>
    public ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        last = run.Started;
        if (file is null)
        {
            // Continuing a run opens another file: TensorBoard reads all of a folder. The name says when and which, not whose machine.
            var stem = string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{run.Started.ToUnixTimeSeconds():D10}.{run.RunId}");
            var path = Enumerable.Range(0, int.MaxValue).Select(i => Path.Combine(folder, $"{stem}.{i}")).First(p => !File.Exists(p));
            file = new EventFile(path);
            file.Append(EventMessages.Version(run.Started));
        }

        var config = new StringBuilder("| option | value |\n|---|---|\n");
        foreach (var (name, value) in ConfigSnapshot.Flatten(run.Config))
        {
            config.Append(CultureInfo.InvariantCulture, $"| {Cell(name)} | {Cell(TrackingJson.Text(value))} |\n");
        }

        file.Append(EventMessages.Summary(run.Started, 0, [EventMessages.Texts("config", [config.ToString()])]));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken)
    {
        last = metrics.Time;
        var values = metrics.Values.Select(v => EventMessages.Scalar(v.Key, v.Value))
            .Concat(metrics.Distributions.Select(d => EventMessages.Histogram($"{d.Key}/distribution", d.Value)).OfType<ProtoMessage>());
        if (metrics.Alarms.Count > 0)
        {
            values = values.Append(EventMessages.Texts("alarms", [.. metrics.Alarms.Select(a => $"**{a.Name}**: {a.Message}. {a.Remedy}.")]));
        }

        file!.Append(EventMessages.Summary(metrics.Time, metrics.Step, values));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken)
    {
        if (sample > 0)
        {
            var time = last > DateTimeOffset.Now ? last : DateTimeOffset.Now;
            file!.Append(EventMessages.Summary(time, completions[0].Iteration, [EventMessages.Texts("completions", [.. completions.Take(sample).Select(Markdown)])]));
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken)
    {
        file!.Append(EventMessages.Summary(outcome.Ended, 0, [EventMessages.Texts("outcome", [$"**{outcome.Status}** {outcome.Message}"])]));
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        file?.Dispose();
        file = null;
        return ValueTask.CompletedTask;
    }

    private static string Markdown(CompletionRow row)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"problem {Cell(row.ProblemId)}, group {row.Group}, member {row.Member}: ");
        text.Append(CultureInfo.InvariantCulture, $"reward {Show(row.Total)}, advantage {Show(row.Advantage)}, {row.Status}, {row.Tokens} tokens");
        foreach (var (name, score) in row.Rewards)
        {
            text.Append(CultureInfo.InvariantCulture, $", {Cell(name)} {Show(score)}");
        }

        return text.Append("\n\n").Append(Fenced(row.Prompt)).Append("\n\n").Append(Fenced(row.Response)).ToString();
    }

    private static string Show(float? value) => value?.ToString("G4", CultureInfo.InvariantCulture) ?? "–";

    // Text of the model is never markdown: the fence is longer than any run of backticks in it.
    private static string Fenced(string text)
    {
        var (longest, run) = (2, 0);
        foreach (var c in text)
        {
            run = c == '`' ? run + 1 : 0;
            longest = Math.Max(longest, run);
        }

        var fence = new string('`', longest + 1);
        return $"{fence}\n{text}\n{fence}";
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");
}
