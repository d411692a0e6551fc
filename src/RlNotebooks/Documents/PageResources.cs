using System.Reflection;

namespace RlNotebooks.Documents;

/// <summary>Texts that a page holds inline.</summary>
internal static class PageResources
{
    public static string Style => Read(typeof(PageResources).Assembly, "page.css");

    public static string PlotScript => Read(typeof(PageResources).Assembly, "plots.js");

    /// <summary>plotly.js as Plotly.NET ships it, so that charts are drawn by the version they were made for.</summary>
    public static string Plotly => Read(typeof(Plotly.NET.GenericChart).Assembly, "Plotly.NET.plotly-2.28.0.min.js").Replace("</script", "<\\/script", StringComparison.OrdinalIgnoreCase);

    private static string Read(Assembly assembly, string name)
    {
        using var stream = assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{assembly.GetName().Name} has no resource '{name}'; it has {string.Join(", ", assembly.GetManifestResourceNames())}.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
