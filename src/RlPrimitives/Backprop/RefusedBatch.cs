using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace RlPrimitives.Backprop;

/// <summary>Writes the rows of a refused step, to be looked at and tried again.</summary>
internal static class RefusedBatch
{
    // NaN and infinities are what the file is about.
    private static readonly JsonSerializerOptions Json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    /// <summary>One row a line, with its index in the batch and whether it is at fault.</summary>
    /// <returns>The file; null where it cannot be written (the refusal itself matters more).</returns>
    public static string? Write(string? folder, IReadOnlyList<TrainingRow> rows, Func<TrainingRow, int> indexOf, IReadOnlyCollection<int> atFault)
    {
        try
        {
            folder ??= Path.Combine(Path.GetTempPath(), "rlprimitives-refused");
            Directory.CreateDirectory(folder);
            var name = DateTime.UtcNow.ToString("yyyyMMdd-HHmmss-fff", CultureInfo.InvariantCulture);
            var path = Path.Combine(folder, $"refused-{name}-{Environment.ProcessId}-{Guid.NewGuid():N}.jsonl");
            File.WriteAllLines(path, rows.Select(row =>
            {
                var index = indexOf(row);
                return JsonSerializer.Serialize(new Line(index, atFault.Contains(index), row), Json);
            }));
            return Path.GetFullPath(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed record Line(int Index, bool AtFault, TrainingRow Row);
}
