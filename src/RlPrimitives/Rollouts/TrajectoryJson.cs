using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>One trajectory as one line of JSON, and back. Names are snake case; nothing in a file names a type.</summary>
internal static class TrajectoryJson
{
    /// <summary>Version of the format; a higher one is refused.</summary>
    public const int Schema = 1;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The line, UTF-8, with its end.</summary>
    public static byte[] Line(Trajectory trajectory)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteNumber("schema", Schema);
            json.WriteNumber("group", trajectory.Group);
            json.WriteNumber("member", trajectory.Member);
            json.WriteNumber("attempt", trajectory.Attempt);
            json.WriteString("status", Name(trajectory.Status));
            WriteText(json, "error", trajectory.Error);
            WriteProblem(json, trajectory.Problem);
            json.WriteStartArray("turns");
            foreach (var turn in trajectory.Turns.IsDefault ? [] : trajectory.Turns)
            {
                WriteTurn(json, turn);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return [.. buffer.WrittenSpan, (byte)'\n'];
    }

    /// <summary>The trajectory of a line.</summary>
    /// <exception cref="InvalidDataException">A member is missing, of another kind, or does not fit the others.</exception>
    /// <exception cref="JsonException">It is not JSON.</exception>
    public static Trajectory Parse(string text)
    {
        using var document = JsonDocument.Parse(text);
        var line = new JsonMember("line", document.RootElement);
        var schema = line.Member("schema").Int32(minimum: 1);
        if (schema > Schema)
        {
            throw new InvalidDataException($"its schema is {schema}, this version reads up to {Schema}. Read it with the version that wrote it.");
        }

        var turns = line.Member("turns").Items().Select(Turn).ToArray();
        return new Trajectory(
            Problem(line.Member("problem")), line.Member("group").Int32(0), line.Member("member").Int32(0), [.. turns],
            line.Member("status").OneOf<TrajectoryStatus>(Name), line.Optional("error")?.Text())
        {
            Attempt = line.Optional("attempt")?.Int32(0) ?? 0,
        };
    }

    private static void WriteProblem(Utf8JsonWriter json, Problem problem)
    {
        json.WriteStartObject("problem");
        WriteText(json, "id", problem.Id);
        WriteText(json, "prompt", problem.Prompt);
        WriteText(json, "answer", problem.Answer);
        if (problem.Fields.Keys.All(IsWellFormed))
        {
            json.WriteStartObject("fields");
            foreach (var (name, value) in problem.Fields)
            {
                WriteText(json, name, value);
            }

            json.WriteEndObject();
        }
        else
        {
            json.WriteStartArray("fields"); // name, value, name, value, …
            foreach (var text in problem.Fields.SelectMany(f => new[] { f.Key, f.Value }))
            {
                WriteText(json, null, text);
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static Problem Problem(JsonMember json)
    {
        var given = json.Member("fields");
        var pairs = given.Kind == JsonValueKind.Object ? given.Pairs().Select(p => (p.Name, p.Value.Text()))
            : given.Items().Select(i => i.Text()).Chunk(2).Select(p => (Name: p[0], p.Length == 2 ? p[1] : throw new InvalidDataException($"{given.Path}: '{p[0]}' has no value.")));
        var fields = new Dictionary<string, string>();
        foreach (var (name, value) in pairs)
        {
            if (!fields.TryAdd(name, value))
            {
                throw new InvalidDataException($"{given.Path}: '{name}' is there twice.");
            }
        }

        return new Problem(json.Member("id").Text(), json.Member("prompt").Text(), json.Member("answer").Text(), fields);
    }

    private static void WriteTurn(Utf8JsonWriter json, Turn turn)
    {
        json.WriteStartObject();
        WriteIds(json, "prompt_ids", turn.PromptIds);
        WriteIds(json, "token_ids", turn.TokenIds);
        json.WriteStartArray("log_probs");
        foreach (var logProb in turn.LogProbs)
        {
            WriteFloat(json, logProb);
        }

        json.WriteEndArray();
        WriteText(json, "text", turn.Text);
        json.WriteString("stop_reason", Name(turn.StopReason));
        json.WritePropertyName("temperature");
        WriteFloat(json, turn.Temperature);
        if (turn.WeightsVersion is { } version)
        {
            json.WriteNumber("weights_version", version);
        }

        if (turn.Seconds != 0)
        {
            json.WriteNumber("seconds", double.IsFinite(turn.Seconds) ? turn.Seconds : 0);
        }

        if (!turn.ToolCalls.IsDefaultOrEmpty)
        {
            json.WriteStartArray("tool_calls");
            foreach (var call in turn.ToolCalls)
            {
                json.WriteStartObject();
                WriteText(json, "tool", call.Tool);
                WriteText(json, "arguments", call.Arguments);
                WriteText(json, "result", call.Result);
                WriteText(json, "error", call.Error);
                json.WriteBoolean("is_cut", call.IsCut);
                json.WriteNumber("seconds", double.IsFinite(call.Seconds) ? call.Seconds : 0);
                if (call.Cost != 0)
                {
                    json.WriteNumber("cost", call.Cost);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }

    private static Turn Turn(JsonMember json)
    {
        var ids = json.Member("token_ids").Items().Select(i => i.Int32(0)).ToArray();
        var logProbs = json.Member("log_probs").Items().Select(Float).ToArray();
        if (ids.Length != logProbs.Length)
        {
            throw new InvalidDataException($"{json.Path} has {ids.Length} token_ids but {logProbs.Length} log_probs.");
        }

        return new Turn(
            json.Member("prompt_ids").Items().Select(i => i.Int32(0)).ToArray(), ids, logProbs, json.Member("text").Text(),
            json.Member("stop_reason").OneOf<StopReason>(Name), Float(json.Member("temperature")))
        {
            WeightsVersion = json.Optional("weights_version")?.Int64(),
            Seconds = json.Optional("seconds")?.Double() ?? 0,
            ToolCalls = json.Optional("tool_calls") is { } calls ? [.. calls.Items().Select(ToolCall)] : [],
        };
    }

    private static ToolCall ToolCall(JsonMember json) => new(
        json.Member("tool").Text(), json.Member("arguments").Text(), json.Member("result").Text(), json.Optional("error")?.Text(), json.Member("is_cut").Boolean(),
        json.Member("seconds").Double())
    {
        Cost = json.Optional("cost")?.Int32(0) ?? 0,
    };

    private static void WriteIds(Utf8JsonWriter json, string name, int[] ids)
    {
        json.WriteStartArray(name);
        foreach (var id in ids)
        {
            json.WriteNumberValue(id);
        }

        json.WriteEndArray();
    }

    // The shortest digits that give the same bits; JSON has no numbers for the rest.
    private static void WriteFloat(Utf8JsonWriter json, float value)
    {
        if (float.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteStringValue(float.IsNaN(value)
                ? "NaN:" + BitConverter.SingleToUInt32Bits(value).ToString("x8", CultureInfo.InvariantCulture)
                : value > 0 ? "Infinity" : "-Infinity");
        }
    }

    private static float Float(JsonMember json) => json.Kind != JsonValueKind.String ? json.Single() : json.Text() switch
    {
        "Infinity" => float.PositiveInfinity,
        "-Infinity" => float.NegativeInfinity,
        ['N', 'a', 'N', ':', .. var bits] when uint.TryParse(bits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            && float.IsNaN(BitConverter.UInt32BitsToSingle(value)) => BitConverter.UInt32BitsToSingle(value),
        var other => throw new InvalidDataException($"{json.Path} must be a number, \"Infinity\", \"-Infinity\" or \"NaN:\" and eight hexadecimal digits, found \"{other}\"."),
    };

    // Half of a surrogate pair has no UTF-8: such a text is written as its UTF-16 units.
    private static void WriteText(Utf8JsonWriter json, string? name, string? text)
    {
        if (name is not null)
        {
            json.WritePropertyName(name);
        }

        if (text is null)
        {
            json.WriteNullValue();
        }
        else if (IsWellFormed(text))
        {
            json.WriteStringValue(text);
        }
        else
        {
            json.WriteStartObject();
            json.WriteStartArray("utf16");
            foreach (var unit in text)
            {
                json.WriteNumberValue((int)unit);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }
    }

    private static bool IsWellFormed(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i])))
            {
                return false;
            }
        }

        return true;
    }

    // TokenLimit → token_limit
    private static string Name<TEnum>(TEnum value)
        where TEnum : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
