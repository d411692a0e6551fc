using RlNotebooks.Engine;

namespace RlNotebooks.Engine.Formatting;

/// <summary>Turns a value into a bundle of MIME type → content.</summary>
internal sealed class ValueFormatter
{
    public const string Plain = "text/plain";
    public const string Html = "text/html";

    private readonly ConventionFormatters conventions = new();

    /// <param name="value">Anything, also null.</param>
    /// <param name="mimeType">Only this one; null for all.</param>
    public IReadOnlyDictionary<string, string> Format(object? value, string? mimeType)
    {
        var bundle = All(value);
        return mimeType is null ? bundle
            : bundle.TryGetValue(mimeType, out var content) ? new Dictionary<string, string> { [mimeType] = content }
            : value is string text ? new Dictionary<string, string> { [mimeType] = text }
            : throw new ArgumentException($"{value?.GetType().Name ?? "null"} has no form of type '{mimeType}'; it has {string.Join(", ", bundle.Keys)}.", nameof(mimeType));
    }

    /// <summary>Forgets the types it has seen, which may belong to cells.</summary>
    public void Clear() => conventions.Clear();

    private Dictionary<string, string> All(object? value)
    {
        switch (value)
        {
            case HtmlContent html:
                return new() { [Html] = html.Content };
            case MimeContent content:
                return new() { [content.MimeType] = content.Content };
        }

        var bundle = value is null ? [] : conventions.Format(value);
        bundle.TryAdd(Plain, PlainText.Of(value));
        if (bundle.Count == 1)
        {
            bundle[Html] = HtmlText.Of(value);
        }

        return bundle;
    }
}
