using System.Text.Json.Nodes;
using RlNotebooks.Kernel.Protocol;

namespace RlNotebooks.Kernel;

/// <summary>What the kernel says about itself.</summary>
internal static class KernelDescription
{
    public static string Version { get; } = typeof(KernelDescription).Assembly.GetName().Version!.ToString(3);

    public static JsonObject Answer() => Replies.Ok(
        ("protocol_version", Message.ProtocolVersion),
        ("implementation", "rlnotebooks"),
        ("implementation_version", Version),
        ("language_info", new JsonObject
        {
            ["name"] = "C#",
            ["version"] = "14.0",
            ["mimetype"] = "text/x-csharp",
            ["file_extension"] = ".cs",
            ["pygments_lexer"] = "csharp",
            ["codemirror_mode"] = "text/x-csharp",
        }),
        ("banner", $"RlNotebooks {Version}: C# {Environment.Version} for reinforcement learning of language models"),
        ("debugger", false),
        ("help_links", new JsonArray(new JsonObject { ["text"] = "C#", ["url"] = "https://learn.microsoft.com/dotnet/csharp/" })));
}
