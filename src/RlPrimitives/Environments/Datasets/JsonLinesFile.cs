using System.Text.Json;

namespace RlPrimitives.Environments;

/// <summary>Problems from JSON: a line each, or the items of one array.</summary>
internal static class JsonLinesFile
{
    public static List<Problem> Read(string path, PromptColumns columns)
    {
        var problems = new ProblemList(columns);
        var number = 0;
        foreach (var line in File.ReadLines(path, Prompts.Utf8))
        {
            number++;
            if (line.Length > 0 && !string.IsNullOrWhiteSpace(line))
            {
                var place = $"{path}, line {number}";
                using var document = Parse(line, (_, column) => $"{place}, column {column}");
                Add(problems, document.RootElement, place, $"{number}", columns);
            }
        }

        return problems.Problems;
    }

    /// <summary>Whether a file holds one array, as <c>.json</c> files often do.</summary>
    public static bool IsArray(string path)
    {
        using var reader = new StreamReader(path, Prompts.Utf8);
        int character;
        do
        {
            character = reader.Read();
        }
        while (character >= 0 && char.IsWhiteSpace((char)character));
        return character == '[';
    }

    public static List<Problem> ReadArray(string path, PromptColumns columns)
    {
        using var document = Parse(File.ReadAllText(path, Prompts.Utf8), (line, column) => $"{path}, line {line}, column {column}");
        var problems = new ProblemList(columns);
        foreach (var (i, item) in document.RootElement.EnumerateArray().Index())
        {
            Add(problems, item, $"{path}, item {i + 1}", $"{i + 1}", columns);
        }

        return problems.Problems;
    }

    private static JsonDocument Parse(string text, Func<long?, long?, string> place)
    {
        try
        {
            return JsonDocument.Parse(text);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{place(e.LineNumber + 1, e.BytePositionInLine + 1)}: not valid JSON ({e.Message})", e);
        }
    }

    private static void Add(ProblemList problems, JsonElement item, string place, string number, PromptColumns columns)
    {
        try
        {
            if (item.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"{place}: expected an object with a '{columns.Prompt}', found {item.ValueKind}.");
            }

            if (item.TryGetProperty(columns.Prompt, out var given) && given.ValueKind != JsonValueKind.String)
            {
                throw new InvalidDataException($"{place}: '{columns.Prompt}' must be a text, found {given.ValueKind}.");
            }

            problems.Add(item.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, TextOf(p.Value))), place, number);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{place}: not a text, half of a surrogate pair ({e.Message})", e);
        }
    }

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Null => null,
        _ => value.GetRawText(),
    };
}
