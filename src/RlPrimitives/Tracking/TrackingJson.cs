using System.Buffers;
using System.Collections;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace RlPrimitives.Tracking;

/// <summary>Plain values as JSON, for every tracker alike. Numbers that JSON has no form for are the texts "NaN", "Infinity" and "-Infinity".</summary>
internal static class TrackingJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>UTF-8 of what <paramref name="write"/> writes.</summary>
    public static ReadOnlySpan<byte> Bytes(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            write(json);
        }

        return buffer.WrittenSpan;
    }

    /// <summary>One value as text.</summary>
    public static string Text(object? value) => Encoding.UTF8.GetString(Bytes(json => Write(json, value)));

    public static void Write(Utf8JsonWriter json, string name, object? value)
    {
        json.WritePropertyName(name);
        Write(json, value);
    }

    public static void Write(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case float number:
                json.WriteStringValue(NotFinite(number));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case double number:
                json.WriteStringValue(NotFinite(number));
                break;
            case DateTimeOffset time:
                json.WriteStringValue(time);
                break;
            case IReadOnlyDictionary<string, object?> map:
                json.WriteStartObject();
                foreach (var (name, inner) in map)
                {
                    Write(json, name, inner);
                }

                json.WriteEndObject();
                break;
            case IEnumerable list:
                json.WriteStartArray();
                foreach (var item in list)
                {
                    Write(json, item);
                }

                json.WriteEndArray();
                break;
            default:
                throw new ArgumentException($"{value.GetType()} is no plain value: use texts, numbers, booleans, lists and dictionaries, or ConfigSnapshot.Of.", nameof(value));
        }
    }

    private static string NotFinite(double number) => double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
}
