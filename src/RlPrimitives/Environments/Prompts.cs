using System.Text.Json;

namespace RlPrimitives.Environments;

/// <summary>Problems from files.</summary>
public static class Prompts
{
    /// <summary>Reads JSON lines: each an object with <c>prompt</c>, optionally <c>answer</c> and <c>id</c>; all other members become fields.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="FileNotFoundException">There is no such file; the message gives the full path looked at.</exception>
    /// <exception cref="InvalidDataException">A line is no such object; the message gives file and line.</exception>
    public static IReadOnlyList<Problem> Load(string path)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no prompt file '{path}' (looked at {Path.GetFullPath(path)}).", path);
        }

        var problems = new List<Problem>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (line.Length > 0 && !string.IsNullOrWhiteSpace(line))
            {
                problems.Add(Parse(line, path, number));
            }
        }

        return problems.Count > 0 ? problems : throw new InvalidDataException($"{path} holds no problems: each line must be an object with a 'prompt'.");
    }

    private static Problem Parse(string line, string path, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new InvalidDataException($"{path}, line {number}: expected an object with a 'prompt', found {document.RootElement.ValueKind}.");
            }

            if (document.RootElement.TryGetProperty("prompt", out var given) && given.ValueKind != JsonValueKind.String)
            {
                throw new InvalidDataException($"{path}, line {number}: 'prompt' must be a text, found {given.ValueKind}.");
            }

            var fields = document.RootElement.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText());
            return fields.Remove("prompt", out var prompt)
                ? new Problem(fields.Remove("id", out var id) ? id : $"{number}", prompt, fields.Remove("answer", out var answer) ? answer : "", fields)
                : throw new InvalidDataException($"{path}, line {number}: there is no 'prompt'.");
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"{path}, line {number}: not valid JSON ({e.Message})", e);
        }
    }
}
