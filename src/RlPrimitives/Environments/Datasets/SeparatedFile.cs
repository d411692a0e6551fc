using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace RlPrimitives.Environments;

/// <summary>Problems from separated values: the first line names the columns; quoted cells may hold separators, quotes and line breaks.</summary>
internal static class SeparatedFile
{
    public static List<Problem> Read(string path, string separator, PromptColumns columns)
    {
        var settings = new CsvConfiguration(CultureInfo.InvariantCulture) { Delimiter = separator, DetectColumnCountChanges = false, IgnoreBlankLines = true };
        using var reader = new StreamReader(path, Prompts.Utf8);
        using var parser = new CsvParser(reader, settings);
        try
        {
            if (!parser.Read())
            {
                return [];
            }

            var names = Array.ConvertAll(parser.Record!, n => n.Trim()); // "prompt, answer" is written by hand often enough
            Check(names, path, columns);
            var problems = new ProblemList(columns);
            for (var line = parser.RawRow + 1; parser.Read(); line = parser.RawRow + 1)
            {
                var cells = parser.Record!;
                var place = $"{path}, line {line}";
                if (cells.Length != names.Length)
                {
                    throw new InvalidDataException($"{place}: {cells.Length} cells, but {names.Length} columns are named. Quote cells that hold '{separator}' or quotes.");
                }

                problems.Add(names.Zip(cells, (name, cell) => KeyValuePair.Create(name, (string?)cell)), place, $"{line}");
            }

            return problems.Problems;
        }
        catch (BadDataException e)
        {
            throw new InvalidDataException(
                $"{path}, line {parser.RawRow}, column {parser.Count + 1}: a quote inside a cell. Quote the whole cell and double the quotes in it.", e);
        }
    }

    private static void Check(string[] names, string path, PromptColumns columns)
    {
        if (names.GroupBy(n => n).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidDataException($"{path}, line 1: column '{twice.Key}' is named twice.");
        }

        if (!names.Contains(columns.Prompt))
        {
            throw new InvalidDataException($"{path}, line 1: there is no column '{columns.Prompt}'; there are {string.Join(", ", names)}. Name the columns with PromptColumns.");
        }
    }
}
