namespace RlPrimitives.Environments;

/// <summary>Problems from files.</summary>
public static class Prompts
{
    /// <summary>
    /// Reads JSON lines (.jsonl, .ndjson, .json), comma- or tab-separated values (.csv, .tsv) or Parquet (.parquet), by the file's extension. Each row has a prompt,
    /// optionally an answer and an id; all other columns become fields, nested ones as JSON.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Which columns are what; null for "prompt", "answer" and "id".</param>
    /// <exception cref="FileNotFoundException">There is no such file; the message gives the full path looked at.</exception>
    /// <exception cref="InvalidDataException">The file is broken or a row has no prompt; the message gives file, line or row, and column.</exception>
    /// <exception cref="NotSupportedException">The extension is another.</exception>
    public static IReadOnlyList<Problem> Load(string path, PromptColumns? columns = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no prompt file '{path}' (looked at {Path.GetFullPath(path)}).", path);
        }

        columns ??= new PromptColumns();
        var problems = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".jsonl" or ".ndjson" or ".json" => JsonLinesFile.Read(path, columns),
            ".csv" => SeparatedFile.Read(path, ",", columns),
            ".tsv" => SeparatedFile.Read(path, "\t", columns),
            ".parquet" => ParquetFile.Read(path, columns),
            var other => throw new NotSupportedException($"{path}: prompts are read from .jsonl, .ndjson, .json, .csv, .tsv and .parquet files, not from '{other}'."),
        };
        return problems.Count > 0 ? problems : throw new InvalidDataException($"{path} holds no problems: each row needs a '{columns.Prompt}'.");
    }
}
