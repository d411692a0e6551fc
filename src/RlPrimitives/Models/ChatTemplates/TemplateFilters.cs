using System.Globalization;
using System.Net;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>What may stand behind <c>|</c>.</summary>
internal static class TemplateFilters
{
    /// <summary>Names that are known, so that an unknown one is an error where it is read.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max",
        "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper",
    };

    public static object? Apply(string name, object? value, object?[] given, Dictionary<string, object?> named) => name switch
    {
        "trim" => given.Length > 0 ? TemplateValue.ToText(value).Trim(TemplateValue.AsText(given[0]).ToCharArray()) : TemplateValue.ToText(value).Trim(),
        "tojson" => TemplateJson.Write(value, Argument(given, named, 0, "indent") is { } indent ? (int)TemplateValue.AsInteger(indent) : null, TemplateValue.IsTrue(named.GetValueOrDefault("sort_keys"))),
        "length" or "count" => Length(value),
        "default" or "d" => value is Undefined || (TemplateValue.IsTrue(Argument(given, named, 1, "boolean")) && !TemplateValue.IsTrue(value))
            ? given.Length > 0 || named.ContainsKey("default_value") ? Argument(given, named, 0, "default_value") : "" : value,
        "first" => TemplateValue.Items(value).FirstOrDefault(new Undefined("the first item")),
        "last" => TemplateValue.Items(value).LastOrDefault(new Undefined("the last item")),
        "join" => string.Join(
            TemplateValue.ToText(Argument(given, named, 0, "d") ?? ""),
            TemplateValue.Items(value).Select(i => Argument(given, named, 1, "attribute") is { } a ? Attribute(i, a) : i).Select(TemplateValue.ToText)),
        "upper" => TemplateValue.ToText(value).ToUpperInvariant(),
        "lower" => TemplateValue.ToText(value).ToLowerInvariant(),
        "title" => Title(TemplateValue.ToText(value)),
        "capitalize" => Capitalize(TemplateValue.ToText(value)),
        "string" or "safe" => TemplateValue.ToText(value),
        "escape" or "e" => WebUtility.HtmlEncode(TemplateValue.ToText(value)),
        "int" => ToInteger(value, Argument(given, named, 0, "default")),
        "float" => TemplateValue.IsNumber(value) ? TemplateValue.AsDouble(value)
            : double.TryParse(TemplateValue.ToText(value), NumberStyles.Float, CultureInfo.InvariantCulture, out var d) ? d : Argument(given, named, 0, "default") ?? 0.0,
        "list" => TemplateValue.Items(value).ToList(),
        "items" => value is Undefined ? [] : Pairs(value as TemplateMap ?? throw new ChatTemplateException($"Can only get item pairs from a mapping, not from {TemplateValue.KindOf(value)}.")),
        "dictsort" => Pairs((TemplateMap)value!).OrderBy(p => ((List<object?>)p!)[0] as string, StringComparer.OrdinalIgnoreCase).ToList(),
        "replace" => Replace(TemplateValue.ToText(value), given, named),
        "reverse" => value is string text ? string.Concat(TemplateValue.Items(text).Reverse()) : TemplateValue.Items(value).Reverse().ToList(),
        "indent" => Indent(TemplateValue.ToText(value), given, named),
        "map" => TemplateValue.Items(value).Select(i => Map(i, given, named)).ToList(),
        "select" => Where(value, given, i => i, wanted: true),
        "reject" => Where(value, given, i => i, wanted: false),
        "selectattr" => Where(value, given[1..], i => Attribute(i, given[0]), wanted: true),
        "rejectattr" => Where(value, given[1..], i => Attribute(i, given[0]), wanted: false),
        "unique" => TemplateValue.Items(value).Aggregate(new List<object?>(), (seen, i) => seen.Exists(s => TemplateValue.AreEqual(s, i)) ? seen : [.. seen, i]),
        "sort" => Sort(value, given, named),
        "sum" => TemplateValue.Items(value).Select(i => named.GetValueOrDefault("attribute") is { } a ? Attribute(i, a) : i).Aggregate((object?)0L, (a, b) => TemplateOperators.Apply("+", a, b)),
        "min" => TemplateValue.Items(value).Aggregate((a, b) => TemplateValue.Compare(a, b) <= 0 ? a : b),
        "max" => TemplateValue.Items(value).Aggregate((a, b) => TemplateValue.Compare(a, b) >= 0 ? a : b),
        "abs" => value is double number ? Math.Abs(number) : (object)Math.Abs(TemplateValue.AsInteger(value)),
        "round" => Math.Round(TemplateValue.AsDouble(value), (int)TemplateValue.AsInteger(Argument(given, named, 0, "precision") ?? 0L)),
        _ => throw new ChatTemplateException($"The chat template uses the filter '{name}', which is not supported."),
    };

    public static List<object?> Pairs(TemplateMap map) => [.. map.Select(p => (object?)new List<object?> { p.Key, p.Value })];

    public static string Capitalize(string text) => text.Length == 0 ? text : text[..1].ToUpperInvariant() + text[1..].ToLowerInvariant();

    public static string Title(string text)
    {
        var result = text.ToLowerInvariant().ToCharArray();
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = i == 0 || !char.IsLetter(result[i - 1]) ? char.ToUpperInvariant(result[i]) : result[i];
        }

        return new string(result);
    }

    public static string Replace(string text, object?[] given, Dictionary<string, object?> named)
    {
        var (old, with) = (TemplateValue.AsText(given.ElementAtOrDefault(0)), TemplateValue.AsText(given.ElementAtOrDefault(1)));
        if ((given.ElementAtOrDefault(2) ?? named.GetValueOrDefault("count")) is not { } most)
        {
            return old.Length > 0 ? text.Replace(old, with, StringComparison.Ordinal) : throw new ChatTemplateException("The chat template replaces an empty text.");
        }

        for (long n = 0, at = 0; n < TemplateValue.AsInteger(most) && (at = text.IndexOf(old, (int)at, StringComparison.Ordinal)) >= 0; n++)
        {
            text = text[..(int)at] + with + text[((int)at + old.Length)..];
            at += with.Length;
        }

        return text;
    }

    private static object? Argument(object?[] given, Dictionary<string, object?> named, int index, string name) =>
        index < given.Length ? given[index] : named.GetValueOrDefault(name);

    private static long Length(object? value) => value switch
    {
        List<object?> list => list.Count,
        TemplateMap map => map.Count,
        string text => TemplateValue.Items(text).Count(),
        Undefined => 0,
        _ => throw new ChatTemplateException($"The chat template asks for the length of {TemplateValue.KindOf(value)}."),
    };

    private static object? ToInteger(object? value, object? otherwise) => value switch
    {
        bool or long => TemplateValue.AsInteger(value),
        double d when Math.Abs(d) < 9e18 => (long)d,
        string s when long.TryParse(s.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n) => n,
        string s when double.TryParse(s.Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var d) && Math.Abs(d) < 9e18 => (long)d,
        _ => otherwise ?? 0L,
    };

    /// <summary>A member by a dotted name, as selectattr and map take it.</summary>
    private static object? Attribute(object? item, object? name)
    {
        if (name is long)
        {
            return new Item(new Literal(item), new Literal(name)).Value(null!);
        }

        foreach (var part in TemplateValue.AsText(name).Split('.'))
        {
            item = item is TemplateMap map && map.TryGetValue(part, out var found) ? found : new Undefined(part);
        }

        return item;
    }

    private static object? Map(object? item, object?[] given, Dictionary<string, object?> named) =>
        named.TryGetValue("attribute", out var attribute)
            ? Attribute(item, attribute) is Undefined && named.TryGetValue("default", out var otherwise) ? otherwise : Attribute(item, attribute)
            : given.Length > 0 ? Apply(TemplateValue.AsText(given[0]), item, given[1..], named)
            : throw new ChatTemplateException("The chat template's filter 'map' needs an attribute or a filter.");

    private static List<object?> Where(object? value, object?[] test, Func<object?, object?> of, bool wanted) =>
        [.. TemplateValue.Items(value).Where(i => (test.Length == 0 ? TemplateValue.IsTrue(of(i)) : TemplateTests.Holds(TemplateValue.AsText(test[0]), of(i), test[1..])) == wanted)];

    private static List<object?> Sort(object? value, object?[] given, Dictionary<string, object?> named)
    {
        var isCased = TemplateValue.IsTrue(Argument(given, named, 1, "case_sensitive"));
        var keyed = TemplateValue.Items(value).Select(i => (Item: i, Key: named.GetValueOrDefault("attribute") is { } a ? Attribute(i, a) : i))
            .Select(p => p with { Key = p.Key is string s && !isCased ? s.ToLowerInvariant() : p.Key });
        var comparer = Comparer<object?>.Create(TemplateValue.Compare);
        return [.. (TemplateValue.IsTrue(Argument(given, named, 0, "reverse")) ? keyed.OrderByDescending(p => p.Key, comparer) : keyed.OrderBy(p => p.Key, comparer)).Select(p => p.Item)];
    }

    private static string Indent(string text, object?[] given, Dictionary<string, object?> named)
    {
        var width = Argument(given, named, 0, "width") switch { null => new string(' ', 4), string s => s, var n => new string(' ', (int)Math.Clamp(TemplateValue.AsInteger(n), 0, 1000)) };
        var first = TemplateValue.IsTrue(Argument(given, named, 1, "first"));
        var blank = TemplateValue.IsTrue(Argument(given, named, 2, "blank"));
        return string.Join('\n', text.Split('\n').Select((line, i) => (i == 0 && !first) || (i > 0 && line.Length == 0 && !blank) ? line : width + line));
    }
}
