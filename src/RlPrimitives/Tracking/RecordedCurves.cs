using System.Globalization;
using System.Text.Json;

namespace RlPrimitives.Tracking;

/// <summary>
/// The numbers of one training among several in a file of JSON lines: an object for each step with <c>method</c>, <c>seed</c> and any numbers by name, as in <c>data/runs</c>.
/// Steps keep the order of the file. A run with its completions is a <see cref="RecordedRun"/>.
/// </summary>
/// <param name="Method">The curve that the run belongs to.</param>
/// <param name="Seed">Of the run.</param>
/// <param name="Columns">Every number by its name, one for each step, [n]; NaN where a step has none.</param>
public sealed record RecordedCurves(string Method, ulong Seed, IReadOnlyDictionary<string, double[]> Columns)
{
    /// <summary>A column.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="KeyNotFoundException">The run has none of that name; the message lists those that it has.</exception>
    public double[] this[string name] => Columns.TryGetValue(name, out var column) ? column
        : throw new KeyNotFoundException($"The run {Method}, seed {Seed}, has no column '{name}'. It has: {string.Join(", ", Columns.Keys)}.");

    /// <summary>The runs of a file, by method and seed, in the order in which they begin.</summary>
    /// <param name="path">JSON lines.</param>
    /// <exception cref="InvalidDataException">A line is no object with <c>method</c> and <c>seed</c>; the message names the line.</exception>
    public static IReadOnlyList<RecordedCurves> Load(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return [.. File.ReadLines(path).Select((line, i) => (Text: line, Number: i + 1)).Where(line => line.Text.Length > 0)
            .Select(line => Step(line.Text, $"{path}, line {line.Number}"))
            .GroupBy(step => (step.Method, step.Seed), (run, steps) => Of(run.Method, run.Seed, [.. steps.Select(s => s.Numbers)]))];
    }

    private static RecordedCurves Of(string method, ulong seed, Dictionary<string, double>[] steps) => new(
        method, seed, steps.SelectMany(s => s.Keys).Distinct().ToDictionary(name => name, name => Array.ConvertAll(steps, s => s.GetValueOrDefault(name, double.NaN))));

    private static (string Method, ulong Seed, Dictionary<string, double> Numbers) Step(string line, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            var numbers = root.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number && p.Name != "seed").ToDictionary(p => p.Name, p => p.Value.GetDouble());
            return (root.GetProperty("method").GetString() ?? "", root.GetProperty("seed").GetUInt64(), numbers);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{where}: a step is an object with \"method\", \"seed\" and numbers; {e.Message}"), e);
        }
    }
}
