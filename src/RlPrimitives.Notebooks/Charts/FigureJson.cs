using System.Text.Json;
using System.Text.Json.Nodes;
using RlPrimitives.Notebooks.Formatting;
using RlPrimitives.Notebooks.Svg;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>A figure made small: five digits, no empty parts, and no more points than a reader can tell apart.</summary>
internal static class FigureJson
{
    private static readonly string[] Scattered = ["scatter", "scattergl", "box", "violin", "scatter3d", "histogram2d"];

    /// <param name="figure">The figure as Plotly.NET writes it.</param>
    /// <param name="mostPoints">More points than this in one series are thinned evenly.</param>
    public static JsonObject Compact(string figure, int mostPoints)
    {
        var root = JsonNode.Parse(figure)!.AsObject();
        root.Remove("frames");
        foreach (var histogram in root["data"]!.AsArray().OfType<JsonObject>().Where(t => (string?)t["type"] == "histogram"))
        {
            Count(histogram, mostPoints);
        }

        foreach (var trace in root["data"]!.AsArray().OfType<JsonObject>().Where(t => Scattered.Contains((string?)t["type"] ?? "scatter")))
        {
            Thin(trace, mostPoints);
        }

        Prune(root);
        Round(root);
        return root;
    }

    // Thinning would change the counts: many values become the counts of their bins, which Plotly adds up.
    private static void Count(JsonObject histogram, int most)
    {
        if (histogram["x"] is not JsonArray values || values.Count <= most || histogram["y"] is not null || histogram["histfunc"] is not null)
        {
            return;
        }

        double[] finite = [.. values.Select(v => v.Number()).Where(double.IsFinite)];
        if (finite.Length == 0)
        {
            return;
        }

        var bins = Binning.Of(finite);
        histogram["x"] = new JsonArray([.. bins.Centres.Select(c => JsonValue.Create(c))]);
        histogram["y"] = new JsonArray([.. bins.Percent(finite).Select(p => JsonValue.Create(Math.Round(p / 100 * finite.Length)))]);
        histogram["histfunc"] = "sum";
        histogram["xbins"] = new JsonObject { ["start"] = bins.Centres[0] - (bins.Width / 2), ["end"] = bins.Centres[^1] + (bins.Width / 2), ["size"] = bins.Width };
    }

    // Arrays as long as the series run beside it; those inside marker and error bars too.
    private static void Thin(JsonObject trace, int most)
    {
        var length = ((trace["x"] as JsonArray) ?? (trace["y"] as JsonArray))?.Count ?? 0;
        if (length > most)
        {
            var kept = Strands(trace) is { Count: > 1 } strands ? Evenly(strands, Math.Max(1, most * strands.Count / length)).SelectMany(s => s).ToArray() : [.. Evenly([.. Enumerable.Range(0, length)], most)];
            foreach (var owner in new[] { trace }.Concat(trace.Select(p => p.Value).OfType<JsonObject>()))
            {
                foreach (var (name, array) in owner.Where(p => p.Value is JsonArray a && a.Count == length).Select(p => (p.Key, (JsonArray)p.Value!)).ToArray())
                {
                    owner[name] = new JsonArray([.. kept.Select(i => array[i]?.DeepClone())]);
                }
            }
        }
    }

    // A line with gaps is several lines: each stays whole or goes, with the gap behind it.
    private static List<int[]> Strands(JsonObject trace)
    {
        var values = trace["y"] as JsonArray ?? [];
        var (strands, from) = (new List<int[]>(), 0);
        for (var i = 0; i < values.Count; i++)
        {
            if (i == values.Count - 1 || !double.IsFinite(values[i].Number()))
            {
                strands.Add([.. Enumerable.Range(from, i + 1 - from)]);
                from = i + 1;
            }
        }

        return strands;
    }

    private static IEnumerable<T> Evenly<T>(List<T> all, int most) =>
        all.Count <= most || most < 2 ? all.Take(most) : Enumerable.Range(0, most).Select(i => all[(int)((long)i * (all.Count - 1) / (most - 1))]);

    private static void Prune(JsonObject node)
    {
        foreach (var (name, value) in node.ToArray())
        {
            if (value is JsonObject child)
            {
                Prune(child);
            }

            if (value is null or JsonObject { Count: 0 })
            {
                node.Remove(name);
            }
        }

        foreach (var child in node.Select(p => p.Value).OfType<JsonArray>().SelectMany(a => a).OfType<JsonObject>())
        {
            Prune(child);
        }
    }

    // Plotly.NET writes what is not finite as text; Plotly wants a gap.
    private static void Round(JsonNode node)
    {
        if (node is JsonObject map)
        {
            foreach (var (name, value) in map.ToArray())
            {
                if (Replacement(value) is { } rounded)
                {
                    map[name] = rounded;
                }
                else if (value is JsonObject or JsonArray)
                {
                    Round(value);
                }
            }
        }
        else if (node is JsonArray list)
        {
            for (var i = 0; i < list.Count; i++)
            {
                if (list[i] is JsonValue text && text.GetValueKind() == JsonValueKind.String && (string)text! is "NaN" or "Infinity" or "-Infinity")
                {
                    list[i] = null;
                }
                else if (Replacement(list[i]) is { } rounded)
                {
                    list[i] = rounded;
                }
                else if (list[i] is JsonObject or JsonArray)
                {
                    Round(list[i]!);
                }
            }
        }
    }

    private static JsonValue? Replacement(JsonNode? node)
    {
        if (node is not JsonValue value || value.GetValueKind() != JsonValueKind.Number)
        {
            return null;
        }

        var number = Numbers.Rounded(value.GetValue<double>());
        return number == Math.Truncate(number) && Math.Abs(number) < 1e15 ? JsonValue.Create((long)number) : JsonValue.Create(number);
    }
}
