using System.Collections;
using System.Globalization;
using System.Reflection;

namespace RlPrimitives.Tracking;

/// <summary>Options records as plain values that any tracker can write: texts, numbers, booleans, null, lists and dictionaries.</summary>
public static class ConfigSnapshot
{
    // Deeper or longer is data, not configuration: it is named, not copied.
    private const int MaxDepth = 6;
    private const int MaxItems = 32;

    /// <summary>The public properties of an options record by name, nested; its type's name under <c>type</c>.</summary>
    /// <param name="options">A record of options.</param>
    public static IReadOnlyDictionary<string, object?> Of(object options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Members(options, 0);
    }

    /// <summary>Nested dictionaries and lists as one level: <c>rollouts.GroupSize</c>, <c>stop.0</c>.</summary>
    /// <param name="config">A snapshot.</param>
    public static IReadOnlyDictionary<string, object?> Flatten(IReadOnlyDictionary<string, object?> config)
    {
        ArgumentNullException.ThrowIfNull(config);
        var flat = new Dictionary<string, object?>();
        foreach (var (name, value) in config)
        {
            Add(name, value);
        }

        return flat;

        void Add(string path, object? value)
        {
            switch (value)
            {
                case IReadOnlyDictionary<string, object?> nested:
                    foreach (var (name, inner) in nested)
                    {
                        Add($"{path}.{name}", inner);
                    }

                    break;
                case IReadOnlyList<object?> list:
                    for (var i = 0; i < list.Count; i++)
                    {
                        Add(string.Create(CultureInfo.InvariantCulture, $"{path}.{i}"), list[i]);
                    }

                    break;
                default:
                    flat[path] = value;
                    break;
            }
        }
    }

    private static Dictionary<string, object?> Members(object options, int depth)
    {
        var members = new Dictionary<string, object?> { ["type"] = options.GetType().Name };
        foreach (var property in options.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.GetIndexParameters().Length == 0 && p.CanRead))
        {
            members[property.Name] = Value(Read(property, options), depth + 1);
        }

        return members;
    }

    private static object? Read(PropertyInfo property, object options)
    {
        try
        {
            return property.GetValue(options);
        }
        catch (TargetInvocationException e)
        {
            return $"(not readable: {e.InnerException?.GetType().Name})";
        }
    }

    private static object? Value(object? value, int depth) => value switch
    {
        null or string or bool => value,
        sbyte or byte or short or ushort or int or uint or long => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        ulong or double => value,
        float number => double.Parse(number.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture), // 0.1f is 0.1, not 0.10000000149
        decimal number => (double)number,
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        IFormattable known when value is DateTimeOffset or DateTime or Guid or Enum => known.ToString(null, CultureInfo.InvariantCulture),
        Uri or Type => value.ToString(),
        Delegate => value.GetType().Name,
        IDictionary map => map.Count > MaxItems || depth >= MaxDepth ? $"({map.Count} entries)"
            : map.Keys.Cast<object>().ToDictionary(k => Convert.ToString(k, CultureInfo.InvariantCulture)!, k => Value(map[k], depth + 1)),
        IEnumerable items => List(items, depth),
        _ when depth >= MaxDepth || !IsOptions(value.GetType()) => value.GetType().Name,
        _ => Members(value, depth),
    };

    private static object? List(IEnumerable items, int depth)
    {
        if (items.GetType().GetProperty("IsDefault")?.GetValue(items) is true)
        {
            return null; // an immutable array that was never set
        }

        if (items is not ICollection { Count: var count })
        {
            return items.GetType().Name; // not counted: it may be computed, or have no end
        }

        return count > MaxItems || depth >= MaxDepth ? $"({count} items)" : items.Cast<object?>().Select(i => Value(i, depth + 1)).ToArray();
    }

    // A record, or a value type: what else is there (clocks, models, environments) is named.
    private static bool IsOptions(Type type) => type.IsValueType || type.GetMethod("<Clone>$") is not null;
}
