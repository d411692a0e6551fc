using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlPrimitives.Notebooks.Svg;

/// <summary>Reads a figure's JSON, where everything is optional.</summary>
internal static class FigureReading
{
    public static JsonNode? At(this JsonNode? node, params ReadOnlySpan<string> path)
    {
        foreach (var name in path)
        {
            node = (node as JsonObject)?[name];
        }

        return node;
    }

    public static string? Text(this JsonNode? node) => node is JsonValue value
        ? value.GetValueKind() switch
        {
            JsonValueKind.String => (string?)value,
            JsonValueKind.Number => value.ToJsonString(),
            _ => null,
        }
        : null;

    /// <summary>The number, or NaN.</summary>
    public static double Number(this JsonNode? node) => node is JsonValue value && value.GetValueKind() == JsonValueKind.Number
        ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture)
        : double.NaN;

    public static double Number(this JsonNode? node, double otherwise) => node.Number() is var number && double.IsNaN(number) ? otherwise : number;

    public static IReadOnlyList<JsonNode?> Items(this JsonNode? node) => node is JsonArray array ? [.. array] : [];

    /// <summary>A title is an object or, in older figures, a text.</summary>
    public static string Title(this JsonNode? owner) => owner.At("title", "text").Text() ?? owner.At("title").Text() ?? "";
}
