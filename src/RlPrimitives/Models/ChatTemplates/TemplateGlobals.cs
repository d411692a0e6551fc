using System.Globalization;
using System.Text;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>Functions that every template may call.</summary>
internal static class TemplateGlobals
{
    private const long MaxRange = 100_000;

    public static IEnumerable<(string Name, TemplateFunction Function)> All(TimeProvider time) =>
    [
        ("raise_exception", (given, _) => throw new ChatTemplateException(TemplateValue.ToText(given.ElementAtOrDefault(0)))),
        ("namespace", (given, named) => Merge(new TemplateMap { IsNamespace = true }, given, named)),
        ("dict", (given, named) => Merge([], given, named)),
        ("range", (given, _) => Range(given)),
        ("strftime_now", (given, _) => Format(time.GetLocalNow(), TemplateValue.AsText(given.ElementAtOrDefault(0)))),
    ];

    private static TemplateMap Merge(TemplateMap map, object?[] given, Dictionary<string, object?> named)
    {
        foreach (var (name, value) in given.OfType<TemplateMap>().SelectMany(m => m).Concat(named))
        {
            map[name] = value;
        }

        return map;
    }

    private static List<object?> Range(object?[] given)
    {
        var numbers = Array.ConvertAll(given, TemplateValue.AsInteger);
        var (start, stop, step) = numbers.Length switch
        {
            1 => (0, numbers[0], 1),
            2 => (numbers[0], numbers[1], 1),
            3 when numbers[2] != 0 => (numbers[0], numbers[1], numbers[2]),
            _ => throw new ChatTemplateException("The chat template calls range() without 1 to 3 numbers, or with a step of 0."),
        };
        var result = new List<object?>();
        for (var i = start; step > 0 ? i < stop : i > stop; i += step)
        {
            result.Add(result.Count < MaxRange ? i : throw new ChatTemplateException($"The chat template asks for a range of more than {MaxRange} numbers."));
        }

        return result;
    }

    private static string Format(DateTimeOffset now, string format)
    {
        var result = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }

            var directive = format[++i];
            var custom = directive switch
            {
                'Y' => "yyyy", 'y' => "yy", 'm' => "MM", 'd' => "dd", 'H' => "HH", 'I' => "hh", 'M' => "mm", 'S' => "ss",
                'b' => "MMM", 'B' => "MMMM", 'a' => "ddd", 'A' => "dddd", 'p' => "tt",
                _ => null,
            };
            result.Append(directive switch
            {
                '%' => "%",
                'j' => now.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
                _ => now.ToString(custom ?? throw new ChatTemplateException($"The chat template asks for the date as '%{directive}', which is not supported."), CultureInfo.InvariantCulture),
            });
        }

        return result.ToString();
    }
}
