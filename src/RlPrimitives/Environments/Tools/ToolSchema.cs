using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>A tool as chat templates expect it.</summary>
internal static class ToolSchema
{
    /// <summary>{"type": "function", "function": {"name", "description", "parameters"}}.</summary>
    public static JsonObject Of(AIFunctionDeclaration tool) => new()
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = tool.Name,
            ["description"] = tool.Description,
            ["parameters"] = JsonNode.Parse(tool.JsonSchema.GetRawText()),
        },
    };

    /// <summary>The parameter that a plain text becomes: the only required one, or the first of all; null where there is none.</summary>
    public static string? OnlyParameter(AIFunction tool)
    {
        if (!tool.JsonSchema.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var required = tool.JsonSchema.TryGetProperty("required", out var names) && names.ValueKind == JsonValueKind.Array
            ? names.EnumerateArray().Select(n => n.GetString()).ToArray() : [];
        return required.Length > 1 ? null : required.Length == 1 ? required[0] : properties.EnumerateObject().Select(p => p.Name).FirstOrDefault();
    }
}
