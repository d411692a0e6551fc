using System.Globalization;
using System.Text;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>JSON as transformers' <c>tojson</c> writes it: Python's json.dumps without ASCII escapes, "," and ":" followed by a space.</summary>
internal static class TemplateJson
{
    public static string Write(object? value, int? indent = null, bool sortKeys = false)
    {
        var text = new StringBuilder();
        Write(text, value, indent, 0, sortKeys);
        return text.ToString();
    }

    private static void Write(StringBuilder text, object? value, int? indent, int depth, bool sortKeys)
    {
        switch (value)
        {
            case null:
                text.Append("null");
                break;
            case bool b:
                text.Append(b ? "true" : "false");
                break;
            case long n:
                text.Append(n.ToString(CultureInfo.InvariantCulture));
                break;
            case double d:
                text.Append(double.IsNaN(d) ? "NaN" : double.IsInfinity(d) ? d > 0 ? "Infinity" : "-Infinity" : TemplateValue.Number(d));
                break;
            case string s:
                text.Append(JsonText.Quote(s));
                break;
            case List<object?> list:
                Sequence(text, '[', ']', list, indent, depth, item => Write(text, item, indent, depth + 1, sortKeys));
                break;
            case TemplateMap map:
                var members = sortKeys ? map.OrderBy(p => p.Key, StringComparer.Ordinal).ToList() : [.. map];
                Sequence(text, '{', '}', members, indent, depth, member =>
                {
                    text.Append(JsonText.Quote(member.Key));
                    text.Append(": ");
                    Write(text, member.Value, indent, depth + 1, sortKeys);
                });
                break;
            default:
                throw new ChatTemplateException($"The chat template writes {TemplateValue.KindOf(value)} as JSON.");
        }
    }

    private static void Sequence<T>(StringBuilder text, char open, char close, List<T> items, int? indent, int depth, Action<T> write)
    {
        text.Append(open);
        for (var i = 0; i < items.Count; i++)
        {
            text.Append(i == 0 ? "" : indent is null ? ", " : ",");
            Break(text, indent, depth + 1);
            write(items[i]);
        }

        if (items.Count > 0)
        {
            Break(text, indent, depth);
        }

        text.Append(close);
    }

    private static void Break(StringBuilder text, int? indent, int depth)
    {
        if (indent is { } width)
        {
            text.Append('\n').Append(' ', width * depth);
        }
    }
}
