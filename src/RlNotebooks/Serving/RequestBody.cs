using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace RlNotebooks.Serving;

/// <summary>The JSON object of a request, read member by member; what does not fit is refused by name.</summary>
internal sealed class RequestBody
{
    private readonly JsonElement root;

    private RequestBody(JsonElement root) => this.root = root;

    public static async Task<RequestBody> ReadAsync(HttpContext context)
    {
        if (!context.Request.HasJsonContentType())
        {
            // A web page can send other types anywhere without being asked whether it may.
            throw new ServingException(415, "The body must be JSON, and the header say so: Content-Type: application/json.");
        }

        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, cancellationToken: context.RequestAborted).ConfigureAwait(false);
            return document.RootElement.ValueKind == JsonValueKind.Object ? new RequestBody(document.RootElement.Clone())
                : throw ServingException.Bad($"The body is a JSON {document.RootElement.ValueKind}; it must be an object.");
        }
        catch (JsonException e)
        {
            throw ServingException.Bad($"The body is not JSON: {e.Message}");
        }
    }

    public static RequestBody Of(JsonElement element, string parameter) =>
        element.ValueKind == JsonValueKind.Object ? new RequestBody(element) : throw ServingException.Bad($"{parameter} must be an object.", parameter);

    /// <summary>The member; null where it is absent or null.</summary>
    public JsonElement? this[string name] => root.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public string? Text(string name) => this[name] is not { } m ? null : m.ValueKind == JsonValueKind.String ? m.GetString() : throw Wrong(name, "a text");

    public string Needed(string name) => Text(name) is { Length: > 0 } text ? text : throw ServingException.Bad($"'{name}' is missing.", name);

    public bool Flag(string name, bool otherwise = false) =>
        this[name] is not { } m ? otherwise : m.ValueKind is JsonValueKind.True or JsonValueKind.False ? m.GetBoolean() : throw Wrong(name, "true or false");

    public int? Integer(string name, int least, int most = int.MaxValue) => this[name] is not { } m ? null
        : m.ValueKind == JsonValueKind.Number && m.TryGetInt32(out var value) && value >= least && value <= most ? value
        : throw Wrong(name, most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number in [{least}, {most}]");

    public long? Long(string name) => this[name] is not { } m ? null : m.ValueKind == JsonValueKind.Number && m.TryGetInt64(out var value) ? value : throw Wrong(name, "a whole number of 64 bits");

    public float? Number(string name, float least, float most = float.MaxValue) => this[name] is not { } m ? null
        : m.ValueKind == JsonValueKind.Number && m.TryGetSingle(out var value) && value >= least && value <= most ? value
        : throw Wrong(name, FormattableString.Invariant(most == float.MaxValue ? $"a number of at least {least}" : (FormattableString)$"a number in [{least}, {most}]"));

    /// <summary>A text or a list of texts.</summary>
    public string[] Texts(string name) => this[name] is not { } m ? []
        : m.ValueKind == JsonValueKind.String ? [m.GetString()!]
        : m.ValueKind == JsonValueKind.Array && m.EnumerateArray().All(e => e.ValueKind == JsonValueKind.String) ? [.. m.EnumerateArray().Select(e => e.GetString()!)]
        : throw Wrong(name, "a text or a list of texts");

    public int[]? Integers(string name) => this[name] is not { } m ? null : AsIntegers(m) ?? throw Wrong(name, "a list of whole numbers");

    /// <summary>The list; null where it is none of whole numbers.</summary>
    public static int[]? AsIntegers(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var ids = new List<int>(list.GetArrayLength());
        foreach (var element in list.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out var id))
            {
                return null;
            }

            ids.Add(id);
        }

        return [.. ids];
    }

    /// <summary>Refuses what would be passed over in silence.</summary>
    /// <param name="reasons">Names with why they are not available.</param>
    public void Refuse(params ReadOnlySpan<(string Name, string Why)> reasons)
    {
        foreach (var (name, why) in reasons)
        {
            if (this[name] is { } given && !(given.ValueKind == JsonValueKind.False || (given.ValueKind == JsonValueKind.Number && given.GetDouble() == 0) || given.GetRawText() is "{}" or "[]"))
            {
                throw ServingException.Bad($"'{name}' is not available here: {why}", name);
            }
        }
    }

    public static ServingException Wrong(string name, string expected) => ServingException.Bad($"'{name}' must be {expected}.", name);
}
