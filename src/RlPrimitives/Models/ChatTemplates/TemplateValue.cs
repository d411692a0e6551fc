using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>What a name stands for that nothing was given for: empty as text, false, and an error where more is asked of it.</summary>
internal sealed record Undefined(string Name);

/// <summary>A thing that can be called: positional and named arguments to a value.</summary>
internal delegate object? TemplateFunction(object?[] positional, Dictionary<string, object?> named);

/// <summary>A mapping in the order of its making. Keys are texts.</summary>
internal sealed class TemplateMap : Dictionary<string, object?>
{
    public TemplateMap()
        : base(StringComparer.Ordinal)
    {
    }

    /// <summary>Whether members may be set, as only those of <c>namespace()</c> may.</summary>
    public bool IsNamespace { get; init; }
}

/// <summary>Values of templates: null, <see cref="bool"/>, <see cref="long"/>, <see cref="double"/>, <see cref="string"/>, lists, maps, functions and <see cref="Undefined"/>; with Python's meaning.</summary>
internal static class TemplateValue
{
    public static object? Of(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map => Fill(map),
        JsonArray list => list.Select(Of).ToList(),
        _ => node.GetValueKind() switch
        {
            JsonValueKind.String => node.GetValue<string>(),
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number => Number(node.ToJsonString()),
            _ => null,
        },
    };

    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        List<object?> list => list.Count > 0,
        TemplateMap { IsNamespace: false } map => map.Count > 0,
        _ => true,
    };

    /// <summary>Equality as Python has it: numbers by value, true = 1, lists and maps by content.</summary>
    public static bool AreEqual(object? a, object? b) => (a, b) switch
    {
        (null, null) => true,
        (Undefined, Undefined) => true,
        (string x, string y) => x == y,
        (List<object?> x, List<object?> y) => x.Count == y.Count && x.Zip(y).All(p => AreEqual(p.First, p.Second)),
        (TemplateMap x, TemplateMap y) => ReferenceEquals(x, y) || (x.Count == y.Count && x.All(p => y.TryGetValue(p.Key, out var v) && AreEqual(p.Value, v))),
        (bool or long or double, bool or long or double) => AsDouble(a) == AsDouble(b),
        _ => ReferenceEquals(a, b),
    };

    public static int Compare(object? a, object? b) => (a, b) switch
    {
        (string x, string y) => string.CompareOrdinal(x, y),
        (bool or long or double, bool or long or double) => AsDouble(a).CompareTo(AsDouble(b)),
        (List<object?> x, List<object?> y) => x.Zip(y, Compare).FirstOrDefault(c => c != 0, x.Count.CompareTo(y.Count)),
        _ => throw new ChatTemplateException($"The chat template compares {KindOf(a)} with {KindOf(b)}."),
    };

    public static bool IsNumber(object? value) => value is bool or long or double;

    public static double AsDouble(object? value) => value switch
    {
        bool b => b ? 1 : 0,
        long n => n,
        double d => d,
        _ => throw new ChatTemplateException($"The chat template takes {KindOf(value)} for a number."),
    };

    public static long AsInteger(object? value) => value switch
    {
        bool b => b ? 1 : 0,
        long n => n,
        _ => throw new ChatTemplateException($"The chat template takes {KindOf(value)} for a whole number."),
    };

    public static string AsText(object? value) => value as string ?? throw new ChatTemplateException($"The chat template takes {KindOf(value)} for a text.");

    /// <summary>What a loop or filter goes through: items of a list, keys of a map, characters of a text, nothing of what is undefined.</summary>
    public static IEnumerable<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        TemplateMap { IsNamespace: false } map => map.Keys.ToList(),
        string text => Characters(text),
        Undefined => [],
        _ => throw new ChatTemplateException($"The chat template loops over {KindOf(value)}."),
    };

    /// <summary>As printed: str().</summary>
    public static string ToText(object? value) => value switch
    {
        string s => s,
        Undefined => "",
        _ => Repr(value),
    };

    public static string KindOf(object? value) => value switch
    {
        null => "none",
        Undefined u => $"'{u.Name}', which is undefined",
        bool => "a truth value",
        long or double => "a number",
        string => "a text",
        List<object?> => "a list",
        TemplateMap => "a mapping",
        _ => "a function",
    };

    /// <summary>A number as Python writes it.</summary>
    public static string Number(double value)
    {
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
        }

        var text = JsonText.Number(value);
        if (text.Contains('E', StringComparison.Ordinal) || Math.Abs(value) is >= 1e16 or < 1e-4 and not 0)
        {
            var parts = value.ToString("E16", CultureInfo.InvariantCulture).Split('E');
            var digits = text.Split('E')[0].Replace(".", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).Trim('0');
            var exponent = int.Parse(parts[1], CultureInfo.InvariantCulture);
            if (exponent is >= 16 or < -4)
            {
                var mantissa = digits.Length > 1 ? $"{digits[0]}.{digits[1..]}" : digits;
                return string.Create(CultureInfo.InvariantCulture, $"{(value < 0 ? "-" : "")}{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
            }

            text = value.ToString("F99", CultureInfo.InvariantCulture).TrimEnd('0');
            text = text.EndsWith('.') ? text[..^1] : text;
        }

        return text.Contains('.', StringComparison.Ordinal) ? text : text + ".0";
    }

    private static TemplateMap Fill(JsonObject map)
    {
        var result = new TemplateMap();
        foreach (var (name, value) in map)
        {
            result[name] = Of(value);
        }

        return result;
    }

    private static object Number(string json) =>
        long.TryParse(json, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? whole : double.Parse(json, CultureInfo.InvariantCulture);

    private static IEnumerable<object?> Characters(string text) => text.EnumerateRunes().Select(r => (object?)r.ToString());

    private static string Repr(object? value) => value switch
    {
        null => "None",
        bool b => b ? "True" : "False",
        long n => n.ToString(CultureInfo.InvariantCulture),
        double d => Number(d),
        string s => Quote(s),
        Undefined => "Undefined",
        List<object?> list => $"[{string.Join(", ", list.Select(Repr))}]",
        TemplateMap map => $"{{{string.Join(", ", map.Select(p => $"{Quote(p.Key)}: {Repr(p.Value)}"))}}}",
        _ => throw new ChatTemplateException("The chat template prints a function."),
    };

    private static string Quote(string text)
    {
        var quote = text.Contains('\'', StringComparison.Ordinal) && !text.Contains('"', StringComparison.Ordinal) ? '"' : '\'';
        var result = new StringBuilder().Append(quote);
        foreach (var c in text)
        {
            _ = c switch
            {
                '\n' => result.Append("\\n"),
                '\r' => result.Append("\\r"),
                '\t' => result.Append("\\t"),
                '\\' => result.Append("\\\\"),
                _ when c == quote => result.Append('\\').Append(c),
                _ => result.Append(c),
            };
        }

        return result.Append(quote).ToString();
    }
}
