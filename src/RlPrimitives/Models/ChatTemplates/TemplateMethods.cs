namespace RlPrimitives.Models.ChatTemplates;

/// <summary>Methods of texts, lists and maps that templates call. None changes what was given to the template.</summary>
internal static class TemplateMethods
{
    /// <summary>A method of a value by its Python name; null where there is none.</summary>
    public static TemplateFunction? Find(object? value, string name) => value switch
    {
        string text => OfText(text, name),
        TemplateMap { IsNamespace: false } map => OfMap(map, name),
        List<object?> list => OfList(list, name),
        _ => null,
    };

    private static TemplateFunction? OfText(string text, string name) => name switch
    {
        "strip" => (given, _) => given.Length == 0 ? text.Trim() : text.Trim(Characters(given[0])),
        "lstrip" => (given, _) => given.Length == 0 ? text.TrimStart() : text.TrimStart(Characters(given[0])),
        "rstrip" => (given, _) => given.Length == 0 ? text.TrimEnd() : text.TrimEnd(Characters(given[0])),
        "startswith" => (given, _) => Any(given, s => text.StartsWith(s, StringComparison.Ordinal)),
        "endswith" => (given, _) => Any(given, s => text.EndsWith(s, StringComparison.Ordinal)),
        "upper" => (_, _) => text.ToUpperInvariant(),
        "lower" => (_, _) => text.ToLowerInvariant(),
        "title" => (_, _) => TemplateFilters.Title(text),
        "capitalize" => (_, _) => TemplateFilters.Capitalize(text),
        "replace" => (given, named) => TemplateFilters.Replace(text, given, named),
        "split" => (given, named) => Split(text, given, named),
        "splitlines" => (_, _) => text.Length == 0 ? [] : (text.EndsWith('\n') ? text[..^1] : text).Split('\n').ToList<object?>(),
        "join" => (given, _) => string.Join(text, TemplateValue.Items(given.ElementAtOrDefault(0)).Select(TemplateValue.AsText)),
        "find" => (given, _) => (long)text.IndexOf(TemplateValue.AsText(given.ElementAtOrDefault(0)), StringComparison.Ordinal),
        "rfind" => (given, _) => (long)text.LastIndexOf(TemplateValue.AsText(given.ElementAtOrDefault(0)), StringComparison.Ordinal),
        "count" => (given, _) => (long)(text.Split(TemplateValue.AsText(given.ElementAtOrDefault(0))).Length - 1),
        "isdigit" => (_, _) => text.Length > 0 && text.All(char.IsDigit),
        "removeprefix" => (given, _) => TemplateValue.AsText(given.ElementAtOrDefault(0)) is var s && text.StartsWith(s, StringComparison.Ordinal) ? text[s.Length..] : text,
        "removesuffix" => (given, _) => TemplateValue.AsText(given.ElementAtOrDefault(0)) is var s && text.EndsWith(s, StringComparison.Ordinal) ? text[..^s.Length] : text,
        _ => null,
    };

    private static TemplateFunction? OfMap(TemplateMap map, string name) => name switch
    {
        "items" => (_, _) => TemplateFilters.Pairs(map),
        "keys" => (_, _) => map.Keys.ToList<object?>(),
        "values" => (_, _) => map.Values.ToList(),
        "get" => (given, named) => map.TryGetValue(TemplateValue.AsText(given.ElementAtOrDefault(0)), out var found) ? found
            : given.Length > 1 ? given[1] : named.GetValueOrDefault("default"),
        _ => null,
    };

    private static TemplateFunction? OfList(List<object?> list, string name) => name switch
    {
        "index" => (given, _) => list.FindIndex(i => TemplateValue.AreEqual(i, given.ElementAtOrDefault(0))) is >= 0 and var at ? (long)at
            : throw new ChatTemplateException("The chat template asks for the index of what a list does not hold."),
        "count" => (given, _) => (long)list.Count(i => TemplateValue.AreEqual(i, given.ElementAtOrDefault(0))),
        _ => null,
    };

    private static char[] Characters(object? given) => given is null ? [' ', '\t', '\n', '\r'] : TemplateValue.AsText(given).ToCharArray();

    private static bool Any(object?[] given, Func<string, bool> holds) =>
        given.ElementAtOrDefault(0) is List<object?> several ? several.Any(s => holds(TemplateValue.AsText(s))) : holds(TemplateValue.AsText(given.ElementAtOrDefault(0)));

    private static List<object?> Split(string text, object?[] given, Dictionary<string, object?> named)
    {
        var separator = given.Length > 0 ? given[0] : named.GetValueOrDefault("sep");
        var most = given.Length > 1 ? given[1] : named.GetValueOrDefault("maxsplit");
        var count = most is null || TemplateValue.AsInteger(most) < 0 ? int.MaxValue : (int)TemplateValue.AsInteger(most) + 1;
        return separator is null ? [.. text.Split((char[]?)null, count, StringSplitOptions.RemoveEmptyEntries)]
            : TemplateValue.AsText(separator) is { Length: > 0 } s ? [.. text.Split(s, count)]
            : throw new ChatTemplateException("The chat template splits at an empty text.");
    }
}
