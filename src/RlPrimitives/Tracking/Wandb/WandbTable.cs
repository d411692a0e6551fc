using System.Security.Cryptography;

namespace RlPrimitives.Tracking;

/// <summary>Completions as a table of Weights &amp; Biases: a file beside the run, and the value that refers to it.</summary>
/// <param name="Path">Relative to the run's <c>files</c>, with '/'.</param>
/// <param name="Bytes">The file.</param>
/// <param name="Value">What stands in the history.</param>
internal sealed record WandbTable(string Path, byte[] Bytes, IReadOnlyDictionary<string, object?> Value)
{
    public static WandbTable Of(IReadOnlyList<CompletionRow> completions)
    {
        var (columns, rows) = CompletionTable.Of(completions);
        var bytes = TrackingJson.Bytes(json => TrackingJson.Write(json, new Dictionary<string, object?> { ["columns"] = columns, ["data"] = rows })).ToArray();
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        var path = FormattableString.Invariant($"media/table/completions_{completions[0].Iteration}_{hash[..20]}.table.json");
        return new WandbTable(path, bytes, new Dictionary<string, object?>
        {
            ["_type"] = "table-file", ["path"] = path, ["sha256"] = hash, ["size"] = bytes.Length, ["ncols"] = columns.Length, ["nrows"] = rows.Length, ["log_mode"] = "IMMUTABLE",
        });
    }
}
