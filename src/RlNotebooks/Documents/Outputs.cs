using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlNotebooks.Documents;

/// <summary>The output objects of nbformat 4.</summary>
public static class Outputs
{
    /// <summary>Console text.</summary>
    public static JsonObject Stream(string name, string text) =>
        new() { ["name"] = name, ["output_type"] = "stream", ["text"] = NotebookCell.Lines(text) };

    /// <summary>A displayed value.</summary>
    public static JsonObject Display(IReadOnlyDictionary<string, string> bundle) =>
        new() { ["data"] = Data(bundle), ["metadata"] = new JsonObject(), ["output_type"] = "display_data" };

    /// <summary>The value of the trailing expression.</summary>
    public static JsonObject Result(IReadOnlyDictionary<string, string> bundle, int executionCount) =>
        new() { ["data"] = Data(bundle), ["execution_count"] = executionCount, ["metadata"] = new JsonObject(), ["output_type"] = "execute_result" };

    /// <summary>What went wrong.</summary>
    public static JsonObject Error(string name, string message, IEnumerable<string> traceback) => new()
    {
        ["ename"] = name,
        ["evalue"] = message,
        ["output_type"] = "error",
        ["traceback"] = new JsonArray([.. traceback.Select(l => (JsonNode)l)]),
    };

    /// <summary>A MIME bundle: JSON types become JSON, text becomes lines.</summary>
    public static JsonObject Data(IReadOnlyDictionary<string, string> bundle)
    {
        var data = new JsonObject();
        foreach (var (mime, content) in bundle)
        {
            data[mime] = IsJson(mime) ? Parsed(content) : NotebookCell.Lines(content);
        }

        return data;
    }

    /// <summary>Whether content of this type is JSON.</summary>
    public static bool IsJson(string mime) => mime == "application/json" || mime.EndsWith("+json", StringComparison.Ordinal);

    private static JsonNode? Parsed(string content)
    {
        try
        {
            return JsonNode.Parse(content);
        }
        catch (JsonException)
        {
            return content;
        }
    }
}
