using System.Text.Json.Nodes;

namespace RlNotebooks.Kernel.Protocol;

/// <summary>Contents that several answers share.</summary>
internal static class Replies
{
    public static JsonObject Ok(params (string Name, JsonNode? Value)[] members)
    {
        var content = new JsonObject { ["status"] = "ok" };
        foreach (var (name, value) in members)
        {
            content[name] = value;
        }

        return content;
    }

    public static JsonObject Error(string name, string message, IEnumerable<string> traceback) => new()
    {
        ["status"] = "error",
        ["ename"] = name,
        ["evalue"] = message,
        ["traceback"] = new JsonArray([.. traceback.Select(l => (JsonNode)l)]),
    };
}
