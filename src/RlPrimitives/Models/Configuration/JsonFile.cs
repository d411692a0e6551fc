using System.Text.Json;
using System.Text.Unicode;

namespace RlPrimitives.Models;

/// <summary>Strict JSON from files of unknown origin: every fault is an <see cref="InvalidDataException"/> that names the file.</summary>
internal static class JsonFile
{
    private const long Largest = 64 << 20;

    /// <summary>Reads a small JSON file whose root must be an object.</summary>
    public static JsonDocument Read(string path)
    {
        using var stream = File.OpenRead(path);
        if (stream.Length > Largest)
        {
            throw new InvalidDataException($"{path}: expected at most {Largest} bytes of JSON, found {stream.Length}.");
        }

        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        ReadOnlyMemory<byte> text = bytes;
        return Parse(path, text.Span.StartsWith("\uFEFF"u8) ? text[3..] : text);
    }

    /// <summary>Parses JSON whose root must be an object without repeated keys.</summary>
    public static JsonDocument Parse(string path, ReadOnlyMemory<byte> utf8)
    {
        if (!Utf8.IsValid(utf8.Span))
        {
            throw new InvalidDataException($"{path}: expected JSON in UTF-8, found bytes that are not UTF-8.");
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(utf8, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new InvalidDataException(NonFinite(utf8.Span) is { } where
                ? $"{path}: {where}; expected a finite number (NaN and Infinity, which Python can write, are not JSON)."
                : $"{path}: expected JSON without repeated keys, found: {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // An escaped half of a surrogate pair in a key, met while keys are compared.
            throw new InvalidDataException($"{path}: expected JSON with valid Unicode keys, found: {e.Message}", e);
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
        {
            return document;
        }

        var kind = document.RootElement.ValueKind;
        document.Dispose();
        throw new InvalidDataException($"{path}: expected a JSON object, found {Describe(kind)}.");
    }

    /// <summary>The text of a JSON string, or null where it escapes half of a surrogate pair.</summary>
    public static string? TextOf(JsonElement element)
    {
        try
        {
            return element.GetString();
        }
        catch (InvalidOperationException) when (element.ValueKind == JsonValueKind.String)
        {
            return null;
        }
    }

    /// <summary>The value as written, shortened, for messages.</summary>
    public static string Show(JsonElement element)
    {
        var raw = element.GetRawText();
        return raw.Length <= 60 ? raw : $"{raw.AsSpan(0, 57)}…";
    }

    private static string Describe(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    /// <summary>"key is NaN" where the text breaks off at one of the literals that Python's json module adds.</summary>
    private static string? NonFinite(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        var key = "a value";
        var end = 0L;
        try
        {
            while (reader.Read())
            {
                end = reader.BytesConsumed;
                if (reader.TokenType == JsonTokenType.PropertyName)
                {
                    key = reader.GetString() ?? "";
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            var rest = utf8[(int)end..].TrimStart(" \t\r\n,:["u8);
            return rest.StartsWith("NaN"u8) ? $"{key} is NaN"
                : rest.StartsWith("Infinity"u8) ? $"{key} is Infinity"
                : rest.StartsWith("-Infinity"u8) ? $"{key} is -Infinity" : null;
        }

        return null;
    }
}
