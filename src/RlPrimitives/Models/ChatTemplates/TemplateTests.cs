namespace RlPrimitives.Models.ChatTemplates;

/// <summary>What may stand behind <c>is</c>.</summary>
internal static class TemplateTests
{
    /// <summary>Names that are known, so that an unknown one is an error where it is read.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable", "callable", "odd", "even",
        "divisibleby", "in", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt", "greaterthan", ">", "ge", ">=", "sameas", "lower", "upper", "filter", "test",
    };

    public static bool Holds(string name, object? value, object?[] given) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "string" => value is string,
        "number" => TemplateValue.IsNumber(value),
        "integer" => value is long,
        "float" => value is double,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "mapping" => value is TemplateMap,
        "sequence" or "iterable" => value is string or List<object?> or TemplateMap { IsNamespace: false } || (name == "iterable" && value is Undefined),
        "callable" => value is TemplateFunction,
        "odd" => TemplateValue.AsInteger(value) % 2 != 0,
        "even" => TemplateValue.AsInteger(value) % 2 == 0,
        "divisibleby" => TemplateValue.AsInteger(value) % TemplateValue.AsInteger(Only(name, given)) == 0,
        "in" => TemplateOperators.IsIn(value, Only(name, given)),
        "eq" or "equalto" or "==" => TemplateValue.AreEqual(value, Only(name, given)),
        "ne" or "!=" => !TemplateValue.AreEqual(value, Only(name, given)),
        "lt" or "lessthan" or "<" => TemplateValue.Compare(value, Only(name, given)) < 0,
        "le" or "<=" => TemplateValue.Compare(value, Only(name, given)) <= 0,
        "gt" or "greaterthan" or ">" => TemplateValue.Compare(value, Only(name, given)) > 0,
        "ge" or ">=" => TemplateValue.Compare(value, Only(name, given)) >= 0,
        "sameas" => ReferenceEquals(value, Only(name, given)) || (value is bool or null && TemplateValue.AreEqual(value, given[0])),
        "lower" => value is string text && text.All(c => !char.IsUpper(c)) && text.Any(char.IsLower),
        "upper" => value is string text && text.All(c => !char.IsLower(c)) && text.Any(char.IsUpper),
        "filter" => value is string filter && TemplateFilters.Names.Contains(filter),
        "test" => value is string test && Names.Contains(test),
        _ => throw new ChatTemplateException($"The chat template uses the test '{name}', which is not supported."),
    };

    private static object? Only(string name, object?[] given) =>
        given.Length == 1 ? given[0] : throw new ChatTemplateException($"The chat template's test '{name}' needs one argument.");
}
