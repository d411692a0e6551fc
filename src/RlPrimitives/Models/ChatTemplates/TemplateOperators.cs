using System.Globalization;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>+ − * / // % ** ~ and comparisons, as in Python.</summary>
internal static class TemplateOperators
{
    private const int MaxRepeat = 1 << 20;

    public static object? Apply(string op, object? a, object? b) => (op, a, b) switch
    {
        ("~", _, _) => TemplateValue.ToText(a) + TemplateValue.ToText(b),
        ("+", string x, string y) => x + y,
        ("+", List<object?> x, List<object?> y) => (List<object?>)[.. x, .. y],
        ("*", string x, long n) => Repeat(x, n),
        ("*", long n, string x) => Repeat(x, n),
        ("%", string format, _) => FormatPercent(format, b),
        _ when TemplateValue.IsNumber(a) && TemplateValue.IsNumber(b) => a is double || b is double || op == "/"
            ? Apply(op, TemplateValue.AsDouble(a), TemplateValue.AsDouble(b)) : (object)Apply(op, TemplateValue.AsInteger(a), TemplateValue.AsInteger(b)),
        _ => throw new ChatTemplateException($"The chat template computes {TemplateValue.KindOf(a)} {op} {TemplateValue.KindOf(b)}."),
    };

    public static bool Holds(string op, object? a, object? b) => op switch
    {
        "==" => TemplateValue.AreEqual(a, b),
        "!=" => !TemplateValue.AreEqual(a, b),
        "in" => IsIn(a, b),
        "not in" => !IsIn(a, b),
        "<" => TemplateValue.Compare(a, b) < 0,
        "<=" => TemplateValue.Compare(a, b) <= 0,
        ">" => TemplateValue.Compare(a, b) > 0,
        _ => TemplateValue.Compare(a, b) >= 0,
    };

    public static bool IsIn(object? item, object? within) => within switch
    {
        string text => text.Contains(TemplateValue.AsText(item), StringComparison.Ordinal),
        TemplateMap map => item is string key && map.ContainsKey(key),
        _ => TemplateValue.Items(within).Any(i => TemplateValue.AreEqual(i, item)),
    };

    private static long Apply(string op, long a, long b)
    {
        checked
        {
            return op switch
            {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "//" when b != 0 => FloorDivide(a, b),
                "%" when b != 0 => a - (FloorDivide(a, b) * b),
                "**" when b >= 0 => (long)Math.Pow(a, b),
                _ => throw new ChatTemplateException($"The chat template computes {a} {op} {b}."),
            };
        }
    }

    private static long FloorDivide(long a, long b) => (a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);

    private static double Apply(string op, double a, double b) => op switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" when b != 0 => a / b,
        "//" when b != 0 => Math.Floor(a / b),
        "%" when b != 0 => a - (Math.Floor(a / b) * b),
        "**" => Math.Pow(a, b),
        _ => throw new ChatTemplateException(FormattableString.Invariant($"The chat template computes {a} {op} {b}.")),
    };

    private static string Repeat(string text, long count) => text.Length * Math.Max(0, (double)count) <= MaxRepeat
        ? string.Concat(Enumerable.Repeat(text, (int)Math.Max(0, count))) : throw new ChatTemplateException("The chat template repeats a text too often.");

    /// <summary>"%s of %d" % (a, b): %s, %d and %% only.</summary>
    private static string FormatPercent(string format, object? given)
    {
        var values = given is List<object?> list ? list : [given];
        var result = "";
        var next = 0;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result += format[i];
                continue;
            }

            var kind = format[++i];
            result += kind switch
            {
                '%' => "%",
                's' when next < values.Count => TemplateValue.ToText(values[next++]),
                'd' when next < values.Count => ((long)TemplateValue.AsDouble(values[next++])).ToString(CultureInfo.InvariantCulture),
                _ => throw new ChatTemplateException($"The chat template formats with '%{kind}', or with too few values."),
            };
        }

        return result;
    }
}
