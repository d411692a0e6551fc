using System.Text.Json.Nodes;

namespace RlNotebooks.Documents;

/// <summary>What this program relies on in a notebook of unknown origin; all else in it is kept and not looked at.</summary>
internal static class NotebookShape
{
    /// <summary>What is wrong with a cell; null where nothing is.</summary>
    public static string? Fault(JsonObject cell) =>
        !IsText(cell["source"]) ? "has a \"source\" that is no text"
        : !IsTextOrAbsent(cell["cell_type"]) ? "has a \"cell_type\" that is no text"
        : !IsTextOrAbsent(cell["id"]) ? "has an \"id\" that is no text"
        : cell["metadata"] is not (null or JsonObject) ? "has \"metadata\" that are no object"
        : cell["metadata"]?["tags"] is { } tags && !(tags is JsonArray list && list.All(t => IsTextOrAbsent(t))) ? "has \"tags\" that are no list of texts"
        : cell["attachments"] is { } attachments && !(attachments is JsonObject files && files.All(f => f.Value is JsonObject bundle && bundle.All(b => IsText(b.Value))))
            ? "has \"attachments\" that are no objects of texts"
        : cell["outputs"] is { } outputs && !(outputs is JsonArray shown && shown.All(o => o is JsonObject output && IsOutput(output))) ? "has \"outputs\" that are no list of outputs"
        : null;

    private static bool IsOutput(JsonObject output) =>
        output["output_type"] is JsonValue type && IsTextOrAbsent(type) && IsTextOrAbsent(output["name"]) && (output["text"] is null || IsText(output["text"]))
        && output["data"] is null or JsonObject && output["traceback"] is null or JsonArray && output["metadata"] is null or JsonObject;

    // A text, or the list of its lines.
    private static bool IsText(JsonNode? node) => node is JsonArray lines ? lines.All(l => l is JsonValue line && IsTextOrAbsent(line)) : node is JsonValue && IsTextOrAbsent(node);

    private static bool IsTextOrAbsent(JsonNode? node) => node is null || (node is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.String);
}
