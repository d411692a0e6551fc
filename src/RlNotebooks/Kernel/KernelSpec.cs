using System.Text.Json;
using System.Text.Json.Nodes;
using RlNotebooks.Engine.Packages;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>A kernel as clients find it: a folder with a <c>kernel.json</c> that says how to start it.</summary>
/// <param name="Name">The folder's name, by which notebooks ask for it.</param>
/// <param name="Folder">Where it lies.</param>
/// <param name="DisplayName">What menus show.</param>
/// <param name="Arguments">What is started.</param>
internal sealed record KernelSpec(string Name, string Folder, string DisplayName, IReadOnlyList<string> Arguments)
{
    /// <summary>This project's own name: never another kernel's.</summary>
    public const string OwnName = "rlnotebooks-csharp";

    /// <summary>The name that notebooks made for .NET Interactive ask for.</summary>
    public const string SharedName = ".net-csharp";

    private const string Marker = "rlnotebooks";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether this project wrote it.</summary>
    public bool IsOwn { get; init; }

    /// <summary>Whether what it starts is still there.</summary>
    public bool IsUsable => Arguments.Count > 0 && Arguments.Where(Path.IsPathRooted).All(File.Exists);

    /// <summary>All kernels that clients find here; of two with one name the one that they take.</summary>
    public static IReadOnlyList<KernelSpec> All() =>
    [
        .. KernelFolders.All.Where(Directory.Exists).SelectMany(f => Directory.EnumerateDirectories(f).Order(StringComparer.Ordinal)).Select(TryRead).OfType<KernelSpec>()
            .DistinctBy(s => s.Name, StringComparer.OrdinalIgnoreCase),
    ];

    /// <summary>What <c>kernel install</c> writes under a name.</summary>
    public static string Content(string name)
    {
        // The program that runs now, by absolute paths: a client started from a desktop has no PATH to find anything with.
        string[] start = [PackageRestore.DotNet, typeof(KernelSpec).Assembly.Location, "kernel", "start", "{connection_file}"];
        return new JsonObject
        {
            ["argv"] = new JsonArray([.. start.Select(a => (JsonNode)a)]),
            ["display_name"] = name == SharedName ? ".NET (C#, RlNotebooks)" : "C# (RlNotebooks)",
            ["language"] = "C#",
            ["interrupt_mode"] = "message",
            ["metadata"] = new JsonObject { [Marker] = new JsonObject { ["version"] = KernelDescription.Version } },
        }.ToJsonString(Indented) + "\n";
    }

    /// <summary>Writes a kernel for this user.</summary>
    public static KernelSpec Write(string name)
    {
        var folder = Path.Combine(KernelFolders.User, name);
        Directory.CreateDirectory(folder);
        var file = Path.Combine(folder, "kernel.json");
        var temporary = $"{file}.{Environment.ProcessId}.tmp";
        File.WriteAllText(temporary, Content(name));
        File.Move(temporary, file, overwrite: true);
        return TryRead(folder) ?? throw new KernelException($"{file} was written but cannot be read.");
    }

    private static KernelSpec? TryRead(string folder)
    {
        try
        {
            return JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "kernel.json"))) is JsonObject json && json["argv"] is JsonArray argv
                ? new KernelSpec(Path.GetFileName(folder), folder, json["display_name"]?.ToString() ?? "", [.. argv.Select(a => a?.ToString() ?? "")]) { IsOwn = (json["metadata"] as JsonObject)?[Marker] is not null }
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null; // A folder that no client can read either.
        }
    }
}
