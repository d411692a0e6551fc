using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RlNotebooks.Documents;

namespace RlNotebooks.Running;

/// <summary>Compares saved outputs with new ones: words must be equal, numbers near, and what changes with every run (times, speeds, dates, ids) is left out.</summary>
/// <param name="tolerance">Largest relative difference of two numbers.</param>
internal sealed partial class OutputComparison(double tolerance)
{
    /// <summary>Cells with one of these tags may show anything.</summary>
    public static readonly string[] Tags = ["volatile-output", "nbval-ignore-output"];

    // Numbers this near to each other are equal whatever their size: zeros that rounding made.
    private const double Absolute = 1e-6;
    private const int LongestQuote = 80;

    /// <summary>How a cell's outputs differ; empty when they do not.</summary>
    public IEnumerable<string> Differences(JsonArray saved, JsonArray now)
    {
        var (before, after) = (Merged(saved), Merged(now));
        return before.Count != after.Count ? [$"{Count(before.Count)} {(before.Count == 1 ? "was" : "were")} saved, now there {(after.Count == 1 ? "is" : "are")} {after.Count} ({string.Join(", ", after.Select(Kind))})"]
            : before.Zip(after).Select(p => Difference(p.First, p.Second)).OfType<string>();
    }

    private string? Difference(JsonObject saved, JsonObject now) =>
        Kind(saved) != Kind(now) ? $"{Kind(saved)} was saved, now it is {Kind(now)}"
        : saved["output_type"]?.ToString() switch
        {
            "stream" => OfText(Kind(saved), NotebookCell.Text(saved["text"]), NotebookCell.Text(now["text"])),
            "error" => OfText("error", $"{saved["ename"]}: {saved["evalue"]}", $"{now["ename"]}: {now["evalue"]}"),
            _ => OfBundle(saved["data"] as JsonObject ?? [], now["data"] as JsonObject ?? []),
        };

    private string? OfBundle(JsonObject saved, JsonObject now)
    {
        var (before, after) = (string.Join(", ", saved.Select(p => p.Key).Order(StringComparer.Ordinal)), string.Join(", ", now.Select(p => p.Key).Order(StringComparer.Ordinal)));
        if (before != after)
        {
            return $"shown as {before} when it was saved, now as {after}";
        }

        // HTML says what the plain text says, with markup that no reader compares.
        foreach (var mime in saved.Select(p => p.Key).Where(m => m != "text/html" || !saved.ContainsKey("text/plain")))
        {
            var difference = Outputs.IsJson(mime) ? OfJson(mime, saved[mime], now[mime])
                : mime.StartsWith("image/", StringComparison.Ordinal) && mime != "image/svg+xml" ? null
                : OfText(mime, NotebookCell.Text(saved[mime]), NotebookCell.Text(now[mime]));
            if (difference is not null)
            {
                return difference;
            }
        }

        return null;
    }

    private string? OfJson(string path, JsonNode? saved, JsonNode? now)
    {
        switch (saved, now)
        {
            case (JsonObject a, JsonObject b):
                return a.Select(p => p.Key).Union(b.Select(p => p.Key)).Select(k => a.ContainsKey(k) && b.ContainsKey(k) ? OfJson($"{path}.{k}", a[k], b[k]) : $"{path}.{k} is only in {(a.ContainsKey(k) ? "the saved" : "the new")} output")
                    .FirstOrDefault(d => d is not null);
            case (JsonArray a, JsonArray b):
                return a.Count != b.Count ? $"{path} had {a.Count} items, now {b.Count}" : Enumerable.Range(0, a.Count).Select(i => OfJson($"{path}[{i}]", a[i], b[i])).FirstOrDefault(d => d is not null);
            case (JsonValue a, JsonValue b) when a.GetValueKind() == JsonValueKind.Number && b.GetValueKind() == JsonValueKind.Number:
                return AreNear(a.GetValue<double>(), b.GetValue<double>()) ? null : $"{path}: saved {a}, now {b}";
            default:
                return OfText(path, saved?.ToString() ?? "null", now?.ToString() ?? "null");
        }
    }

    private string? OfText(string what, string saved, string now)
    {
        var (before, after) = (Stable(saved), Stable(now));
        for (var i = 0; i < Math.Max(before.Length, after.Length); i++)
        {
            var (a, b) = (before.ElementAtOrDefault(i), after.ElementAtOrDefault(i));
            if (a is null || b is null || !AreAlike(a, b))
            {
                return $"{what}, line {i + 1}: saved '{Quoted(a)}', now '{Quoted(b)}'";
            }
        }

        return null;
    }

    private bool AreAlike(string saved, string now)
    {
        if (saved == now)
        {
            return true;
        }

        var (a, b) = (Number().Matches(saved), Number().Matches(now));
        return a.Count == b.Count && Spaces().Replace(Number().Replace(saved, "0"), " ") == Spaces().Replace(Number().Replace(now, "0"), " ")
            && a.Zip(b).All(p => AreNear(Value(p.First), Value(p.Second)));
    }

    private bool AreNear(double a, double b) => a.Equals(b) || Math.Abs(a - b) <= Math.Max(Absolute, tolerance * Math.Max(Math.Abs(a), Math.Abs(b)));

    // Without what changes with every run, and without the columns of a table that hold such things.
    private static string[] Stable(string text)
    {
        var lines = text.ReplaceLineEndings("\n").TrimEnd().Split('\n').Select(l => l.TrimEnd()).ToArray();
        var header = Columns().Split(lines[0].Trim());
        var columns = header.Length > 1 ? Enumerable.Range(0, header.Length).Where(i => VolatileName().IsMatch(header[i])).ToArray() : [];
        return [.. lines.Select(l => Volatile().Replace(columns.Length == 0 ? l : Without(l, columns, header.Length), "…"))];
    }

    private static string Without(string line, int[] columns, int count)
    {
        var cells = Columns().Split(line.Trim());
        return cells.Length == count ? string.Join("  ", cells.Where((_, i) => !columns.Contains(i))) : line;
    }

    // Consecutive pieces of one stream are one: where they were cut says nothing.
    private static List<JsonObject> Merged(JsonArray outputs)
    {
        var merged = new List<JsonObject>();
        foreach (var output in outputs.OfType<JsonObject>())
        {
            if (Kind(output) is "stdout" or "stderr" && merged.LastOrDefault() is { } last && Kind(last) == Kind(output))
            {
                merged[^1] = Outputs.Stream(Kind(output), NotebookCell.Text(last["text"]) + NotebookCell.Text(output["text"]));
            }
            else
            {
                merged.Add(output);
            }
        }

        return merged;
    }

    private static string Kind(JsonObject output) => output["output_type"]?.ToString() switch
    {
        "stream" => output["name"]?.ToString() ?? "stdout",
        "execute_result" => "a result",
        "display_data" => "a display",
        var other => $"an {other}",
    };

    private static string Count(int outputs) => $"{outputs} output{(outputs == 1 ? "" : "s")}";

    private static double Value(Match number) => double.Parse(number.Value.Replace(",", "", StringComparison.Ordinal), NumberStyles.Float, CultureInfo.InvariantCulture);

    private static string Quoted(string? line) => line is null ? "(nothing)" : line.Length <= LongestQuote ? line.Trim() : $"{line.Trim()[..(LongestQuote - 1)]}…";

    [GeneratedRegex(@"(?<![\w.])[-+]?\d+(,\d{3})*(\.\d+)?([eE][-+]?\d+)?(?!\w)", RegexOptions.ExplicitCapture)]
    private static partial Regex Number();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\s{2,}")]
    private static partial Regex Columns();

    [GeneratedRegex(@"second|elapsed|duration|millis|time|date|speed|/s\b|bytes|memory", RegexOptions.IgnoreCase)]
    private static partial Regex VolatileName();

    [GeneratedRegex(@"\d[\d.,]*[kM]?\s*(tok(ens)?/s|it/s|/s)\b|\d[\d.,]*\s?(ns|µs|us|ms|s|sec|seconds?|min|minutes?|h|hours?)\b(?!\w)|\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?Z?)?|\b\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\b|\d[\d.,]*\s?[KMG]i?B\b|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-fA-F]{6,}|\b[0-9a-f]{12,64}\b", RegexOptions.ExplicitCapture)]
    private static partial Regex Volatile();
}
