using System.Globalization;
using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>Typed, range-checked members of a JSON object; every fault names the file, the key, the value and what is allowed.</summary>
/// <param name="File">For messages.</param>
/// <param name="Element">The object; undefined for one without members.</param>
/// <param name="Prefix">Path of the object inside the file, ending in a dot; empty for the root.</param>
internal readonly record struct ConfigObject(string File, JsonElement Element, string Prefix = "")
{
    /// <summary>The member, also where it is null; nothing where it is absent.</summary>
    public JsonElement? Find(string key) =>
        Element.ValueKind == JsonValueKind.Object && Element.TryGetProperty(key, out var value) ? value : null;

    /// <summary>Whether the member is there and not null.</summary>
    public bool Has(string key) => Find(key) is { ValueKind: not JsonValueKind.Null };

    /// <summary>The first of the names that is there, else the first.</summary>
    public string FirstOf(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            if (Find(key) is not null)
            {
                return key;
            }
        }

        return keys[0];
    }

    public int Integer(string key, int absent, int least, int most) =>
        Find(key) is not { } value ? absent : AsInteger(key, value, least, most);

    public int? IntegerOrNull(string key, int? absent, int least, int most) =>
        Find(key) is not { } value ? absent : value.ValueKind == JsonValueKind.Null ? null : AsInteger(key, value, least, most);

    public double Number(string key, double? absent, double least, double most)
    {
        var range = string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}");
        if (Find(key) is not { } value)
        {
            return absent ?? throw Fault(key, "absent", range);
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= least && number <= most
            ? number
            : throw Fault(key, JsonFile.Show(value), range);
    }

    public bool Flag(string key, bool absent) => Find(key) switch
    {
        null => absent,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } value => throw Fault(key, JsonFile.Show(value), "true or false"),
    };

    public string? TextOrNull(string key) => Find(key) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.String } value => JsonFile.TextOf(value) ?? throw Fault(key, JsonFile.Show(value), "valid Unicode"),
        { } value => throw Fault(key, JsonFile.Show(value), "a string"),
    };

    /// <summary>A nested object; null where it is absent or null.</summary>
    public ConfigObject? ObjectOrNull(string key) => Find(key) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.Object } value => new ConfigObject(File, value, $"{Prefix}{key}."),
        { } value => throw Fault(key, JsonFile.Show(value), "an object or null"),
    };

    /// <summary>An integer, a list of integers, or null for none.</summary>
    public IReadOnlyList<int> Integers(string key, int least, int most)
    {
        if (Find(key) is not { ValueKind: not JsonValueKind.Null } value)
        {
            return [];
        }

        if (value.ValueKind != JsonValueKind.Array)
        {
            return [AsInteger(key, value, least, most)];
        }

        var numbers = new List<int>(value.GetArrayLength());
        foreach (var item in value.EnumerateArray())
        {
            numbers.Add(AsInteger(key, item, least, most));
        }

        return numbers;
    }

    public InvalidDataException Fault(string key, string found, string expected) =>
        new($"{File}: {Prefix}{key} is {found}; expected {expected}.");

    public NotSupportedException Unsupported(string key, string why) =>
        new($"{File}: {Prefix}{key} is {(Find(key) is { } value ? JsonFile.Show(value) : "absent")}; {why}");

    private int AsInteger(string key, JsonElement value, int least, int most) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= least && number <= most
            ? number
            : throw Fault(key, JsonFile.Show(value), string.Create(CultureInfo.InvariantCulture, $"an integer from {least} to {most}"));
}
