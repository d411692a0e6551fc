using System.Collections;
using System.Globalization;
using System.Reflection;

namespace RlNotebooks.Engine.Formatting;

/// <summary>
/// Formatters that a type declares for itself by the convention of .NET Interactive: an attribute class named
/// <c>TypeFormatterSourceAttribute</c>, found by name, so that a library needs no reference to any host.
/// </summary>
internal sealed class ConventionFormatters
{
    private const string AttributeName = "TypeFormatterSourceAttribute";

    private readonly Dictionary<Type, Formatter[]> known = [];

    public Dictionary<string, string> Format(object value)
    {
        var type = value.GetType();
        Formatter[]? formatters;
        lock (known)
        {
            if (!known.TryGetValue(type, out formatters))
            {
                known[type] = formatters = Of(type);
            }
        }

        var bundle = new Dictionary<string, string>();
        foreach (var formatter in formatters)
        {
            if (!bundle.ContainsKey(formatter.MimeType) && formatter.Format(value) is { } content)
            {
                bundle[formatter.MimeType] = content;
            }
        }

        return bundle;
    }

    public void Clear()
    {
        lock (known)
        {
            known.Clear();
        }
    }

    // Without PreferredMimeTypes only HTML and plain text are shown, with it exactly those and plain text, in that order.
    private static Formatter[] Of(Type type)
    {
        for (var declaring = type; declaring is not null; declaring = declaring.BaseType)
        {
            if (declaring.GetCustomAttributes(inherit: false).FirstOrDefault(a => a.GetType().Name == AttributeName) is { } attribute)
            {
                var source = (Type?)Property(attribute, "FormatterSourceType")
                    ?? throw new InvalidOperationException($"{AttributeName} on {declaring.FullName} has no FormatterSourceType.");
                var preferred = (Property(attribute, "PreferredMimeTypes") as IEnumerable<string>)?.ToArray() ?? [];
                string[] wanted = preferred.Length == 0 ? [ValueFormatter.Html, ValueFormatter.Plain] : [.. preferred, ValueFormatter.Plain];
                return [.. Create(source).Where(f => wanted.Contains(f.MimeType) && f.Handles(type)).OrderBy(f => Array.IndexOf(wanted, f.MimeType))];
            }
        }

        return [];
    }

    private static IEnumerable<Formatter> Create(Type source)
    {
        var create = source.GetMethod("CreateTypeFormatters", BindingFlags.Public | BindingFlags.Instance, [])
            ?? throw new InvalidOperationException($"{source.FullName} has no public CreateTypeFormatters().");
        var instance = Activator.CreateInstance(source, nonPublic: true);
        return ((IEnumerable)create.Invoke(instance, null)!).Cast<object>().Select(f => new Formatter(f));
    }

    private static object? Property(object instance, string name) =>
        instance.GetType().GetProperty(name, BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance)?.GetValue(instance);

    private sealed class Formatter
    {
        private readonly object instance;
        private readonly MethodInfo format;
        private readonly Type? type;

        public Formatter(object instance)
        {
            this.instance = instance;
            MimeType = (string?)Property(instance, "MimeType") ?? throw new InvalidOperationException($"{instance.GetType().FullName} has no MimeType.");
            type = Property(instance, "Type") as Type;
            format = instance.GetType().GetMethod("Format", BindingFlags.Public | BindingFlags.Instance, [typeof(object), typeof(TextWriter)])
                ?? throw new InvalidOperationException($"{instance.GetType().FullName} has no public bool Format(object, TextWriter).");
        }

        public string MimeType { get; }

        public bool Handles(Type valueType) => type is null || type.IsAssignableFrom(valueType);

        public string? Format(object value)
        {
            using var writer = new StringWriter(CultureInfo.InvariantCulture);
            return format.Invoke(instance, BindingFlags.DoNotWrapExceptions, null, [value, writer], null) is true ? writer.ToString() : null;
        }
    }
}
