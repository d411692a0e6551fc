using RlPrimitives.Notebooks.Formatting;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>How an engine shows a <see cref="Chart"/>.</summary>
internal sealed class ChartFormatters
{
#pragma warning disable CA1822 // The convention asks for an instance method.
    public IEnumerable<object> CreateTypeFormatters() =>
#pragma warning restore CA1822
    [
        new TypeFormatter<Chart>(MimeTypes.Plotly, chart => chart.ToJson()),
        new TypeFormatter<Chart>(MimeTypes.Html, chart => chart.ToHtml()),
        new TypeFormatter<Chart>(MimeTypes.Plain, chart => chart.Title),
    ];
}
