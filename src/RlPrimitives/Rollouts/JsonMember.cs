using System.Text.Json;

namespace RlPrimitives.Rollouts;

/// <summary>A value in a JSON document together with where it stands, so that every complaint names the place.</summary>
/// <param name="Path">Where, such as <c>turns[2].log_probs</c>.</param>
/// <param name="Element">The value.</param>
internal readonly record struct JsonMember(string Path, JsonElement Element)
{
    public JsonValueKind Kind => Element.ValueKind;

    public JsonMember Member(string name) => Optional(name) ?? throw new InvalidDataException($"{Path} has no '{name}'.");

    /// <summary>The member; null where it is absent or null.</summary>
    public JsonMember? Optional(string name)
    {
        var at = new JsonMember(Path == "line" ? name : $"{Path}.{name}", default);
        return Expect(JsonValueKind.Object).TryGetProperty(name, out var element) && element.ValueKind != JsonValueKind.Null ? at with { Element = element } : null;
    }

    public IEnumerable<JsonMember> Items()
    {
        var path = Path;
        return Expect(JsonValueKind.Array).EnumerateArray().Select((element, i) => new JsonMember($"{path}[{i}]", element));
    }

    public IEnumerable<(string Name, JsonMember Value)> Pairs()
    {
        var path = Path;
        return Expect(JsonValueKind.Object).EnumerateObject().Select(p => (p.Name, new JsonMember($"{path}.{p.Name}", p.Value)));
    }

    public string Text()
    {
        if (Kind == JsonValueKind.Object)
        {
            return string.Concat(Member("utf16").Items().Select(i => (char)i.Int32(0, char.MaxValue)));
        }

        try
        {
            return Expect(JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{Path} is not a well-formed text: {e.Message}", e);
        }
    }

    public int Int32(int minimum = int.MinValue, int maximum = int.MaxValue) =>
        Expect(JsonValueKind.Number).TryGetInt32(out var value) && value >= minimum && value <= maximum ? value
            : throw new InvalidDataException($"{Path} must be a whole number from {minimum} to {maximum}, found {Shown()}.");

    public long Int64() => Expect(JsonValueKind.Number).TryGetInt64(out var value) ? value : throw new InvalidDataException($"{Path} must be a whole number, found {Shown()}.");

    public float Single() => Expect(JsonValueKind.Number).TryGetSingle(out var value) && float.IsFinite(value) ? value
        : throw new InvalidDataException($"{Path} must be a number that float32 can hold, found {Shown()}.");

    public double Double() => Expect(JsonValueKind.Number).TryGetDouble(out var value) && double.IsFinite(value) ? value
        : throw new InvalidDataException($"{Path} must be a finite number, found {Shown()}.");

    public bool Boolean() => Kind is JsonValueKind.True or JsonValueKind.False ? Element.GetBoolean() : throw new InvalidDataException($"{Path} must be true or false, found {Kind}.");

    /// <summary>The value of an enumeration that is called so; no type is looked up by name.</summary>
    public TEnum OneOf<TEnum>(Func<TEnum, string> name)
        where TEnum : struct, Enum
    {
        var text = Text();
        foreach (var value in Enum.GetValues<TEnum>())
        {
            if (name(value) == text)
            {
                return value;
            }
        }

        throw new InvalidDataException($"{Path} must be one of {string.Join(", ", Enum.GetValues<TEnum>().Select(name))}, found '{text}'.");
    }

    private string Shown() => Element.GetRawText() is { Length: > 40 } raw ? raw[..40] + "…" : Element.GetRawText();

    private JsonElement Expect(JsonValueKind kind) => Kind == kind ? Element : throw new InvalidDataException($"{Path} must be {Article(kind)}, found {Kind}.");

    private static string Article(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        _ => "a number",
    };
}
