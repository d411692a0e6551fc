using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>Reads <c>model.safetensors.index.json</c>, which says in which file of the folder each tensor lies.</summary>
internal static class ShardIndex
{
    public const string FileName = "model.safetensors.index.json";

    /// <summary>Tensor name → file name; every file name stays inside the folder.</summary>
    public static Dictionary<string, string> Read(string path)
    {
        using var document = JsonFile.Read(path);
        if (!document.RootElement.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{path}: expected weight_map, an object of tensor names and file names, " +
                $"found {(map.ValueKind == JsonValueKind.Undefined ? "none" : JsonFile.Show(map))}.");
        }

        var shards = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var item in map.EnumerateObject())
        {
            var shard = item.Value.ValueKind == JsonValueKind.String ? JsonFile.TextOf(item.Value) : null;
            shards.Add(item.Name, shard is not null && StaysInside(shard)
                ? shard
                : throw new InvalidDataException($"{path}: tensor '{item.Name}': expected the name of a .safetensors file in the same folder, " +
                    $"without any path, found {JsonFile.Show(item.Value)}."));
        }

        return shards.Count > 0 ? shards : throw new InvalidDataException($"{path}: expected tensors in weight_map, found none.");
    }

    private static bool StaysInside(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal) && !name.AsSpan().ContainsAny("/\\:\0") && !name.Contains("..", StringComparison.Ordinal);
}
