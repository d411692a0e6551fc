using System.Text.Json.Nodes;

namespace RlNotebooks.Documents;

/// <summary>One cell; a view on its JSON.</summary>
public sealed class NotebookCell(JsonObject json)
{
    /// <summary>The JSON itself.</summary>
    public JsonObject Json => json;

    /// <summary>Whether it holds code.</summary>
    public bool IsCode => json["cell_type"]?.ToString() == "code";

    /// <summary>Whether it holds Markdown.</summary>
    public bool IsMarkdown => json["cell_type"]?.ToString() == "markdown";

    /// <summary>The text.</summary>
    public string Source => Text(json["source"]);

    /// <summary>The first line that says something, for progress and messages.</summary>
    public string FirstLine => Source.Split('\n').Select(l => l.Trim()).FirstOrDefault(l => l.Length > 0) ?? "";

    /// <summary>Outputs of a code cell; created if absent.</summary>
    public JsonArray Outputs
    {
        get
        {
            if (json["outputs"] is not JsonArray outputs)
            {
                json["outputs"] = outputs = [];
            }

            return outputs;
        }
    }

    /// <summary>Sets the number shown beside the cell.</summary>
    public void SetExecutionCount(int? count) => json["execution_count"] = count;

    /// <summary>Whether the cell carries a tag.</summary>
    public bool HasTag(string tag) => json["metadata"]?["tags"] is JsonArray tags && tags.Any(t => t?.ToString() == tag);

    /// <summary>Text that the format allows to be a string or a list of lines.</summary>
    public static string Text(JsonNode? node) => node switch
    {
        JsonArray lines => string.Concat(lines.Select(l => l?.ToString())),
        null => "",
        _ => node.ToString(),
    };

    /// <summary>Text as a list of lines that keep their line ends.</summary>
    public static JsonArray Lines(string text)
    {
        var lines = new JsonArray();
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = text.IndexOf('\n', start) + 1;
            end = end == 0 ? text.Length : end;
            lines.Add((JsonNode)text[start..end]);
        }

        return lines;
    }
}
