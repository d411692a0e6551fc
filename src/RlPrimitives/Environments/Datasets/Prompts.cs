using System.Text;

namespace RlPrimitives.Environments;

/// <summary>Problems from files.</summary>
public static class Prompts
{
    /// <summary>
    /// Reads JSON lines (.jsonl, .ndjson, .json), an array of objects (.json), comma- or tab-separated values (.csv, .tsv) or Parquet (.parquet), by the file's extension. Each row has a prompt,
    /// optionally an answer and an id; all other columns become fields, nested ones as JSON.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="columns">Which columns are what; null for "prompt", "answer" and "id".</param>
    /// <exception cref="FileNotFoundException">There is no such file; the message gives the full path looked at.</exception>
    /// <exception cref="InvalidDataException">The file is broken, is text but not UTF-8, a row has no prompt, or two have one id; the message gives file, line or row, and column.</exception>
    /// <exception cref="NotSupportedException">The extension is another.</exception>
    public static IReadOnlyList<Problem> Load(string path, PromptColumns? columns = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no prompt file '{path}' (looked at {Path.GetFullPath(path)}).", path);
        }

        columns ??= new PromptColumns();
        List<Problem> problems;
        try
        {
            problems = Read(path, columns);
        }
        catch (DecoderFallbackException e)
        {
            throw new InvalidDataException($"{path} is not UTF-8 throughout ({e.Message}); save it as UTF-8.", e);
        }

        return problems.Count > 0 ? problems : throw new InvalidDataException($"{path} holds no problems: each row needs a '{columns.Prompt}'.");
    }
    /// <summary>Refuses what is not UTF-8, instead of putting marks where letters were; a byte order mark goes before it.</summary>
    internal static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static List<Problem> Read(string path, PromptColumns columns) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".json" when JsonLinesFile.IsArray(path) => JsonLinesFile.ReadArray(path, columns),
        ".jsonl" or ".ndjson" or ".json" => JsonLinesFile.Read(path, columns),
        ".csv" => SeparatedFile.Read(path, ",", columns),
        ".tsv" => SeparatedFile.Read(path, "\t", columns),
        ".parquet" => ParquetFile.Read(path, columns),
        var other => throw new NotSupportedException($"{path}: prompts are read from .jsonl, .ndjson, .json, .csv, .tsv and .parquet files, not from '{other}'."),
    };
}
