using DynamicObj;
using Plotly.NET;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Notebooks.Formatting;
using RlPrimitives.Notebooks.Svg;

namespace RlPrimitives.Notebooks;

/// <summary>
/// A figure that a notebook shows by itself: interactive where scripts run, a static drawing elsewhere. At most 60 KB in all its forms together.
/// </summary>
[TypeFormatterSource(typeof(ChartFormatters), PreferredMimeTypes = [MimeTypes.Plotly, MimeTypes.Html, MimeTypes.Plain])]
public sealed class Chart
{
    private const int SizeLimit = 60_000;
    private readonly Lazy<Rendering> rendering;

    // Plotly.NET's own template costs 130 ms and 7 KB per figure, and its white grid is gone on white and loud on dark.
    private static readonly Template PlotlyTemplate = Defaults.DefaultTemplate;

    static Chart() => Defaults.DefaultTemplate = new Template();

    private Chart(GenericChart figure, string title)
    {
        Figure = figure;
        Title = title;
        rendering = new Lazy<Rendering>(Render);
    }

    /// <summary>The figure, for Plotly.NET.</summary>
    public GenericChart Figure { get; }

    /// <summary>The title, as plain text.</summary>
    public string Title { get; }

    /// <summary>Wraps a Plotly.NET chart; what it leaves open (height, fonts, colours, background) takes the kit's look.</summary>
    /// <param name="figure">Any Plotly.NET chart. Where both this namespace and Plotly.NET's are imported, write <c>using Plot = Plotly.NET.CSharp.Chart;</c>.</param>
    /// <param name="title">Replaces the figure's own title.</param>
    public static Chart From(GenericChart figure, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(figure);
        var layout = Layouts.Base(360);
        GenericChart.getLayout(figure).ShallowCopyDynamicPropertiesTo(layout, true);
        if (layout.TryGetPropertyValue("width")?.Value is 600 && layout.TryGetPropertyValue("height")?.Value is 600)
        {
            layout.RemoveProperty("width"); // Plotly.NET writes its default size into every chart: 600 × 600.
            layout.SetProperty("height", 360);
        }

        if (layout.TryGetPropertyValue("template")?.Value is DynamicObj.DynamicObj template && (template.StructurallyEquals(PlotlyTemplate) || !template.GetProperties(true).Any()))
        {
            layout.SetProperty("template", Layouts.Template());
        }

        if (title is not null)
        {
            layout.SetProperty("title", Layouts.TitleOf(string.Join("<br>", PlotlyText.Wrap(title, 92).Select(PlotlyText.Escape))));
        }

        var config = Layouts.Config();
        GenericChart.getConfig(figure).ShallowCopyDynamicPropertiesTo(config, true);
        return new Chart(GenericChart.setConfig(config, GenericChart.setLayout(layout, figure)), title ?? OwnTitle(layout));
    }

    /// <summary>The chart with its figure changed: <c>chart.With(f => f.WithXAxisStyle(…))</c>.</summary>
    /// <param name="change">Gets the figure, gives the figure to show.</param>
    public Chart With(Func<GenericChart, GenericChart> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        var changed = change(Figure);
        var own = OwnTitle(GenericChart.getLayout(changed));
        return new Chart(changed, own.Length == 0 ? Title : own);
    }

    /// <summary>The figure as Plotly's JSON: <c>data</c>, <c>layout</c>, <c>config</c>.</summary>
    public string ToJson() => rendering.Value.Json;

    /// <summary>The static drawing, an SVG element readable on light and dark ground.</summary>
    public string ToSvg() => rendering.Value.Svg;

    /// <summary>A fragment that works alone in a page: the static drawing, which a script replaces with the interactive figure.</summary>
    public string ToHtml() => ChartHtml.Fragment(rendering.Value.Json, rendering.Value.Svg, rendering.Value.Height);

    /// <summary>Writes a page that is interactive offline; plotly.js is in it (3.6 MB).</summary>
    /// <param name="path">The file to write.</param>
    public void SaveHtml(string path) => File.WriteAllText(path, ChartHtml.Page(Title, ToHtml()));

    /// <summary>Writes the static drawing.</summary>
    /// <param name="path">The file to write.</param>
    public void SaveSvg(string path) => File.WriteAllText(path, ToSvg());

    /// <summary>Writes the static drawing as a picture of pixels; needs no browser and no network, on Linux any installed font.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="scale">Pixels for one of the drawing's 720 units of width, in (0, 10].</param>
    /// <param name="background">A colour of CSS by its #RRGGBB; null for none.</param>
    /// <exception cref="ArgumentOutOfRangeException">The scale is out of its range.</exception>
    /// <exception cref="ArgumentException">The background is no such colour.</exception>
    /// <exception cref="InvalidOperationException">The machine has no font, or no native SkiaSharp; the message says what to install.</exception>
    public void SavePng(string path, double scale = 2, string? background = "#FFFFFF") => File.WriteAllBytes(path, SvgPicture.Png(ToSvg(), scale, background));

    /// <summary>The title.</summary>
    public override string ToString() => Title;

    /// <summary>The kit's own figures: traces over a layout of <see cref="Layouts"/>.</summary>
    internal static Chart Of(string title, Layout layout, IEnumerable<Trace> traces)
    {
        var all = traces.ToArray();
        return new(GenericChart.setConfig(Layouts.Config(), GenericChart.setLayout(Layouts.WithRoomForLegend(layout, all), GenericChart.ofTraceObjects(false, all))), title);
    }

    /// <summary>Bytes of all forms together, without the script around them.</summary>
    internal int Size => (2 * rendering.Value.Json.Length) + rendering.Value.Svg.Length;

    /// <summary>Whether it is within the size of an output.</summary>
    internal bool Fits => Size < SizeLimit - 2_500;

    private static string OwnTitle(Layout layout) => layout.TryGetPropertyValue("title")?.Value switch
    {
        string text => PlotlyText.Plain(text),
        Title title => PlotlyText.Plain(title.TryGetPropertyValue("text")?.Value as string ?? ""),
        _ => "",
    };

    // The JSON is in the bundle twice (for hosts that draw Plotly, and in the script), the drawing once.
    private Rendering Render()
    {
        var written = GenericChart.toJson(Figure);
        for (var most = 2_000; ; most /= 2)
        {
            var figure = FigureJson.Compact(written, most);
            var json = figure.ToJsonString();
            var svg = SvgFigure.Draw(figure);
            if (most <= 125 || (2 * json.Length) + svg.Length < SizeLimit - 2_500)
            {
                return new Rendering(json, svg, (int)figure.At("layout", "height").Number(360));
            }
        }
    }

    private sealed record Rendering(string Json, string Svg, int Height);
}
