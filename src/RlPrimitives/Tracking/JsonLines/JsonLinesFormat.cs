using System.Text.Json;

namespace RlPrimitives.Tracking;

/// <summary>The lines of <see cref="JsonLinesTracker"/>, and back. Names are snake case; nothing in a file names a type or a path.</summary>
internal static class JsonLinesFormat
{
    /// <summary>Version of the format; a higher one is refused.</summary>
    public const int Schema = 1;

    public static byte[] Line(RunInfo run) => Line("run", json =>
    {
        json.WriteString("run_id", run.RunId);
        json.WriteString("name", run.Name);
        json.WriteString("project", run.Project);
        json.WriteString("started", run.Started);
        TrackingJson.Write(json, "seed", run.Seed);
        TrackingJson.Write(json, "git_commit", run.GitCommit);
        TrackingJson.Write(json, "versions", run.Versions.ToDictionary(v => v.Key, v => (object?)v.Value));
        TrackingJson.Write(json, "config", run.Config);
    });

    public static byte[] Line(StepMetrics step) => Line("step", json =>
    {
        json.WriteNumber("step", step.Step);
        json.WriteString("time", step.Time);
        TrackingJson.Write(json, "metrics", step.Values.ToDictionary(v => v.Key, v => (object?)v.Value));
        if (step.Alarms.Count > 0)
        {
            json.WriteStartArray("alarms");
            foreach (var alarm in step.Alarms)
            {
                json.WriteStartObject();
                json.WriteString("name", alarm.Name);
                json.WriteString("message", alarm.Message);
                json.WriteString("remedy", alarm.Remedy);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        if (step.Distributions.Count > 0)
        {
            TrackingJson.Write(json, "distributions", step.Distributions.ToDictionary(d => d.Key, d => (object?)d.Value));
        }
    });

    public static byte[] Line(CompletionRow row) => Line("completion", json =>
    {
        json.WriteNumber("iteration", row.Iteration);
        json.WriteNumber("group", row.Group);
        json.WriteNumber("member", row.Member);
        json.WriteString("problem_id", row.ProblemId);
        json.WriteString("prompt", row.Prompt);
        json.WriteString("response", row.Response);
        if (row.Turns.Count > 0)
        {
            TrackingJson.Write(json, "turns", row.Turns);
        }

        TrackingJson.Write(json, "rewards", row.Rewards.ToDictionary(r => r.Key, r => (object?)r.Value));
        TrackingJson.Write(json, "total", row.Total);
        TrackingJson.Write(json, "advantage", row.Advantage);
        json.WriteString("status", row.Status);
        TrackingJson.Write(json, "stop_reason", row.StopReason);
        json.WriteNumber("tokens", row.Tokens);
        if (row.Error is not null)
        {
            json.WriteString("error", row.Error);
        }
    });

    public static byte[] Line(RunOutcome outcome) => Line("end", json =>
    {
        json.WriteString("status", Name(outcome.Status));
        json.WriteString("ended", outcome.Ended);
        TrackingJson.Write(json, "message", outcome.Message);
    });

    /// <summary>The record of a line: <see cref="RunInfo"/>, <see cref="StepMetrics"/>, <see cref="CompletionRow"/> or <see cref="RunOutcome"/>.</summary>
    /// <exception cref="InvalidDataException">It is no such line; the message says what is wrong.</exception>
    public static object Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var json = document.RootElement;
            if (json.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"it is {json.ValueKind}, not an object");
            }

            var schema = Member(json, "schema").GetInt32();
            return schema is < 1 or > Schema
                ? throw new InvalidDataException($"its schema is {schema}, this version reads up to {Schema}: read it with the version that wrote it")
                : Text(json, "kind") switch
                {
                    "run" => Run(json),
                    "step" => Step(json),
                    "completion" => Completion(json),
                    "end" => new RunOutcome(Status(Text(json, "status")), Member(json, "ended").GetDateTimeOffset(), OptionalText(json, "message")),
                    var other => throw new InvalidDataException($"its kind '{other}' is none of run, step, completion, end"),
                };
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or ArgumentException or OverflowException)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static byte[] Line(string kind, Action<Utf8JsonWriter> members) =>
    [
        .. TrackingJson.Bytes(json =>
        {
            json.WriteStartObject();
            json.WriteNumber("schema", Schema);
            json.WriteString("kind", kind);
            members(json);
            json.WriteEndObject();
        }), (byte)'\n',
    ];

    private static RunInfo Run(JsonElement json) => new(Text(json, "run_id"), Text(json, "name"), Text(json, "project"), Member(json, "started").GetDateTimeOffset())
    {
        Seed = Optional(json, "seed")?.GetUInt64(),
        GitCommit = OptionalText(json, "git_commit"),
        Versions = Pairs(Member(json, "versions"), v => v.GetString() ?? ""),
        Config = Pairs(Member(json, "config"), Plain),
    };

    private static StepMetrics Step(JsonElement json) => new(Member(json, "step").GetInt32(), Member(json, "time").GetDateTimeOffset(), Pairs(Member(json, "metrics"), Number))
    {
        Alarms = Optional(json, "alarms") is { } alarms ? [.. alarms.EnumerateArray().Select(a => new TrackedAlarm(Text(a, "name"), Text(a, "message"), Text(a, "remedy")))] : [],
        Distributions = Optional(json, "distributions") is { } distributions
            ? Pairs(distributions, d => d.EnumerateArray().Select(v => (float)Number(v)).ToArray()) : new Dictionary<string, float[]>(),
    };

    private static CompletionRow Completion(JsonElement json) => new(
        Member(json, "iteration").GetInt32(), Member(json, "group").GetInt32(), Member(json, "member").GetInt32(), Text(json, "problem_id"), Text(json, "prompt"),
        Text(json, "response"), Pairs(Member(json, "rewards"), r => r.ValueKind == JsonValueKind.Null ? (float?)null : (float)Number(r)),
        (float?)OptionalNumber(json, "total"), (float?)OptionalNumber(json, "advantage"), Text(json, "status"), OptionalText(json, "stop_reason"), Member(json, "tokens").GetInt32())
    {
        Turns = Optional(json, "turns") is { } turns ? [.. turns.EnumerateArray().Select(t => t.GetString() ?? "")] : [],
        Error = OptionalText(json, "error"),
    };

    private static string Name(RunStatus status) => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    private static RunStatus Status(string name) => Enum.GetValues<RunStatus>().Cast<RunStatus?>().FirstOrDefault(s => Name(s!.Value) == name)
        ?? throw new InvalidDataException($"its status '{name}' is none of {string.Join(", ", Enum.GetValues<RunStatus>().Select(Name))}");

    private static JsonElement Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : throw new InvalidDataException($"it has no '{name}'");

    private static JsonElement? Optional(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static string Text(JsonElement json, string name) => Member(json, name).GetString() ?? throw new InvalidDataException($"its '{name}' is null");

    private static string? OptionalText(JsonElement json, string name) => Optional(json, name)?.GetString();

    private static double? OptionalNumber(JsonElement json, string name) => Optional(json, name) is { } value ? Number(value) : null;

    private static double Number(JsonElement value) => value.ValueKind != JsonValueKind.String ? value.GetDouble() : value.GetString() switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        var other => throw new InvalidDataException($"'{other}' is no number"),
    };

    private static Dictionary<string, T> Pairs<T>(JsonElement json, Func<JsonElement, T> value)
    {
        var pairs = new Dictionary<string, T>();
        foreach (var pair in json.EnumerateObject())
        {
            pairs[pair.Name] = value(pair.Value);
        }

        return pairs;
    }

    private static object? Plain(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Number => json.TryGetInt64(out var whole) && !json.GetRawText().AsSpan().ContainsAny('.', 'e', 'E') ? (object)whole : json.GetDouble(),
        JsonValueKind.Array => json.EnumerateArray().Select(Plain).ToArray(),
        JsonValueKind.Object => Pairs(json, Plain),
        _ => null,
    };
}
