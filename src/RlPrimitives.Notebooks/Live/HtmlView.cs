using System.Net;
using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Live;

/// <summary>HTML as a value: a string would be shown with its tags.</summary>
/// <param name="bundle">MIME type → content.</param>
[TypeFormatterSource(typeof(Formatters), PreferredMimeTypes = [MimeTypes.Html, MimeTypes.Plain])]
internal sealed class HtmlView(IReadOnlyDictionary<string, string> bundle)
{
    private string Html => bundle.TryGetValue(MimeTypes.Html, out var html) ? html : $"<pre>{WebUtility.HtmlEncode(bundle[MimeTypes.Plain])}</pre>";

    public override string ToString() => bundle[MimeTypes.Plain];

    internal sealed class Formatters
    {
#pragma warning disable CA1822 // The convention asks for an instance method.
        public IEnumerable<object> CreateTypeFormatters() =>
#pragma warning restore CA1822
        [
            new TypeFormatter<HtmlView>(MimeTypes.Html, view => view.Html),
            new TypeFormatter<HtmlView>(MimeTypes.Plain, view => view.ToString()),
        ];
    }
}
