using System.Text.Json;

namespace RlPrimitives.Environments;

/// <summary>Problems from JSON lines.</summary>
internal static class JsonLinesFile
{
    public static List<Problem> Read(string path, PromptColumns columns)
    {
        var problems = new List<Problem>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (line.Length > 0 && !string.IsNullOrWhiteSpace(line))
            {
                problems.Add(Parse(line, $"{path}, line {number}", $"{number}", columns));
            }
        }

        return problems;
    }

    private static Problem Parse(string line, string place, string number, PromptColumns columns)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"{place}: expected an object with a '{columns.Prompt}', found {document.RootElement.ValueKind}.");
            }

            if (document.RootElement.TryGetProperty(columns.Prompt, out var given) && given.ValueKind != JsonValueKind.String)
            {
                throw new InvalidDataException($"{place}: '{columns.Prompt}' must be a text, found {given.ValueKind}.");
            }

            return columns.Read(document.RootElement.EnumerateObject().Select(p => KeyValuePair.Create(p.Name, TextOf(p.Value))), place, number);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{place}, column {e.BytePositionInLine + 1}: not valid JSON ({e.Message})", e);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidDataException($"{place}: a text with half of a surrogate pair ({e.Message})", e);
        }
    }

    private static string? TextOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString(),
        JsonValueKind.Null => null,
        _ => value.GetRawText(),
    };
}
