using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RlPrimitives.Tracking;

/// <summary>
/// An MLflow tracking server by its REST API: experiment, run, parameters, metrics in batches within its limits, warnings as tags, the end as status. Completions go to the run's
/// artifacts as tables, where the server itself serves artifacts.
/// </summary>
public sealed class MlflowTracker : IRunTracker
{
    // Limits of runs/log-batch as documented.
    private const int MaxMetrics = 1000;
    private const int MaxParameters = 100;
    private const int MaxKey = 250;
    private const int MaxValue = 6000;
    private const int MaxTag = 5000;

    private readonly MlflowClient client;
    private readonly string experiment;
    private string? runId;
    private string? artifacts;

    /// <summary>A tracker of one run.</summary>
    /// <param name="server">Address, http or https; a user name and password in it are used and written nowhere. Otherwise <c>MLFLOW_TRACKING_TOKEN</c> or
    /// <c>MLFLOW_TRACKING_USERNAME</c> and <c>MLFLOW_TRACKING_PASSWORD</c> are.</param>
    /// <param name="experiment">Name of the experiment; made if it is not there.</param>
    /// <param name="firstDelay">Wait before a request is tried again the first time; null for half a second.</param>
    public MlflowTracker(Uri server, string experiment, TimeSpan? firstDelay = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(experiment);
        this.experiment = experiment;
        client = new MlflowClient(Checked(server), firstDelay ?? TimeSpan.FromSeconds(0.5));
    }

    /// <inheritdoc/>
    public string Name => "MLflow";

    /// <summary>Id that the server gave the run; null before it has begun.</summary>
    public string? ServerRunId => runId;

    /// <inheritdoc/>
    public async ValueTask BeginAsync(RunInfo run, CancellationToken cancellationToken)
    {
        if (runId is null)
        {
            var made = await client.PostAsync("runs/create", new Dictionary<string, object?>
            {
                ["experiment_id"] = await ExperimentAsync(cancellationToken).ConfigureAwait(false),
                ["run_name"] = run.Name,
                ["start_time"] = run.Started.ToUnixTimeMilliseconds(),
                ["tags"] = Tags(run),
            }, canRepeat: false, cancellationToken).ConfigureAwait(false);
            var info = Member(Member(made, "run"), "info");
            artifacts = info.TryGetProperty("artifact_uri", out var uri) ? uri.GetString() : null;
            runId = Member(info, "run_id").GetString();
        }

        foreach (var part in Parameters(run).Chunk(MaxParameters))
        {
            await LogBatchAsync("params", part, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask LogStepAsync(StepMetrics metrics, CancellationToken cancellationToken)
    {
        // Not a number is left out: the server's store has no place for it on a chart.
        var entries = metrics.Values.Where(v => !double.IsNaN(v.Value)).Select(v => new Dictionary<string, object?>
        {
            ["key"] = Key(v.Key), ["value"] = v.Value, ["timestamp"] = metrics.Time.ToUnixTimeMilliseconds(), ["step"] = metrics.Step,
        });
        foreach (var part in entries.Chunk(MaxMetrics))
        {
            await LogBatchAsync("metrics", part, cancellationToken).ConfigureAwait(false);
        }

        if (metrics.Alarms.Count > 0)
        {
            await LogBatchAsync("tags", [.. metrics.Alarms.Select(a => Pair(Key($"alarm.{a.Name}"), Cut(string.Create(CultureInfo.InvariantCulture, $"step {metrics.Step}: {a.Message}"), MaxTag)))],
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask LogCompletionsAsync(IReadOnlyList<CompletionRow> completions, CancellationToken cancellationToken)
    {
        const string served = "mlflow-artifacts:";
        if (artifacts?.StartsWith(served, StringComparison.Ordinal) != true)
        {
            throw new NotSupportedException("This MLflow server does not serve artifacts itself, so completions are not sent to it: start it with --serve-artifacts. JSON lines have them all.");
        }

        // mlflow-artifacts:/path, or mlflow-artifacts://host/path
        var root = artifacts[served.Length..];
        root = (root.StartsWith("//", StringComparison.Ordinal) ? root[(root.IndexOf('/', 2) is var at and > 0 ? at : root.Length)..] : root).Trim('/');
        var (columns, rows) = CompletionTable.Of(completions);
        var file = string.Create(CultureInfo.InvariantCulture, $"completions/{completions[0].Iteration:D6}.json");
        await client.PutArtifactAsync($"{root}/{file}", TrackingJson.Text(new Dictionary<string, object?> { ["columns"] = columns, ["data"] = rows }), cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask FinishAsync(RunOutcome outcome, CancellationToken cancellationToken)
    {
        if (outcome.Message is not null)
        {
            await LogBatchAsync("tags", [Pair("outcome", Cut(outcome.Message, MaxTag))], cancellationToken).ConfigureAwait(false);
        }

        await client.PostAsync("runs/update", new Dictionary<string, object?>
        {
            ["run_id"] = runId,
            ["status"] = outcome.Status switch { RunStatus.Completed => "FINISHED", RunStatus.Failed => "FAILED", _ => "KILLED" },
            ["end_time"] = outcome.Ended.ToUnixTimeMilliseconds(),
        }, canRepeat: true, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>The address, if it is one that can be asked.</summary>
    /// <exception cref="ArgumentException">It is not absolute, or neither http nor https. The message does not repeat it: it may hold a password.</exception>
    internal static Uri Checked(Uri server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server is { IsAbsoluteUri: true, Scheme: "http" or "https" } ? server
            : throw new ArgumentException("The MLflow address must begin with http:// or https://, such as http://localhost:5000.", nameof(server));
    }

    private static Dictionary<string, object?>[] Tags(RunInfo run)
    {
        var tags = new Dictionary<string, string> { ["run_id"] = run.RunId, ["project"] = run.Project };
        foreach (var (name, version) in run.Versions)
        {
            tags[$"version.{name}"] = version;
        }

        if (run.GitCommit is not null)
        {
            tags["mlflow.source.git.commit"] = run.GitCommit;
        }

        return [.. tags.Select(t => Pair(Key(t.Key), Cut(t.Value, MaxTag)))];
    }

    private static IEnumerable<Dictionary<string, object?>> Parameters(RunInfo run)
    {
        var flat = ConfigSnapshot.Flatten(run.Config).ToDictionary(c => c.Key, c => c.Value);
        if (run.Seed is { } seed)
        {
            flat["seed"] = seed;
        }

        return flat.DistinctBy(c => Key(c.Key)).Select(c => Pair(Key(c.Key), Cut(c.Value as string ?? TrackingJson.Text(c.Value), MaxValue)));
    }

    private static Dictionary<string, object?> Pair(string key, string value) => new() { ["key"] = key, ["value"] = value };

    // Letters, digits, underscores, dashes, periods, spaces and slashes; what is else becomes an underscore.
    private static string Key(string name)
    {
        var key = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or ' ' or '/' ? c : '_')).Trim('/', '.', ' ');
        return key.Length == 0 ? "_" : Cut(key, MaxKey);
    }

    // Bytes, not characters, are what is limited.
    private static string Cut(string text, int bytes)
    {
        if (Encoding.UTF8.GetByteCount(text) <= bytes)
        {
            return text;
        }

        var kept = 0;
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (kept + rune.Utf8SequenceLength > bytes)
            {
                break;
            }

            kept += rune.Utf8SequenceLength;
            length += rune.Utf16SequenceLength;
        }

        return text[..length];
    }

    private static JsonElement Member(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value
        : throw new MlflowException($"The server's answer has no '{name}': is this address an MLflow tracking server?", null);

    private async Task LogBatchAsync(string kind, Dictionary<string, object?>[] entries, CancellationToken cancellationToken)
    {
        // A request is at most a million bytes; an entry is far smaller than that.
        foreach (var part in entries.Length > 1 && entries.Sum(e => (long)Encoding.UTF8.GetByteCount(TrackingJson.Text(e))) > 900_000 ? entries.Chunk((entries.Length + 1) / 2) : [entries])
        {
            if (part.Length < entries.Length)
            {
                await LogBatchAsync(kind, part, cancellationToken).ConfigureAwait(false);
            }
            else if (part.Length > 0)
            {
                await client.PostAsync("runs/log-batch", new Dictionary<string, object?> { ["run_id"] = runId, [kind] = part }, canRepeat: true, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<string> ExperimentAsync(CancellationToken cancellationToken)
    {
        return await FoundAsync().ConfigureAwait(false) ?? await MadeAsync().ConfigureAwait(false);

        async Task<string?> FoundAsync()
        {
            try
            {
                var found = await client.GetAsync($"experiments/get-by-name?experiment_name={Uri.EscapeDataString(experiment)}", cancellationToken).ConfigureAwait(false);
                return Member(Member(found, "experiment"), "experiment_id").GetString();
            }
            catch (MlflowException e) when (e.Code == "RESOURCE_DOES_NOT_EXIST")
            {
                return null;
            }
        }

        async Task<string> MadeAsync()
        {
            try
            {
                var made = await client.PostAsync("experiments/create", new Dictionary<string, object?> { ["name"] = experiment }, canRepeat: false, cancellationToken).ConfigureAwait(false);
                return Member(made, "experiment_id").GetString()!;
            }
            catch (MlflowException e) when (e.Code == "RESOURCE_ALREADY_EXISTS")
            {
                // Another run made it meanwhile.
                return await FoundAsync().ConfigureAwait(false) ?? throw new MlflowException($"The experiment '{experiment}' exists but cannot be used: it may be deleted. Restore it or name another.", e.Code, e);
            }
        }
    }
}
