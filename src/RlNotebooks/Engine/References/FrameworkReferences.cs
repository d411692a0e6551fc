using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine.References;

/// <summary>Assemblies of the running process as compiler references, read once and shared by all sessions.</summary>
internal static class FrameworkReferences
{
    private static readonly ConcurrentDictionary<string, PortableExecutableReference> Cache = new();

    private static readonly string Folder = Path.GetDirectoryName(typeof(object).Assembly.Location)!;

    /// <summary>Simple name → path of everything the process was started with.</summary>
    public static IReadOnlyDictionary<string, string> Known { get; } =
        ((string?)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .GroupBy(p => Path.GetFileNameWithoutExtension(p), StringComparer.OrdinalIgnoreCase)
        .ToDictionary(g => g.Key, g => g.First(), StringComparer.OrdinalIgnoreCase);

    /// <summary>The .NET framework, and this assembly for the cells' helper functions.</summary>
    public static ImmutableArray<MetadataReference> All { get; } =
        [.. Known.Values.Where(IsFramework).Select(MetadataReference (p) => Shared(p)), Shared(typeof(CellHelpers).Assembly.Location)];

    public static bool IsFramework(string path) => Path.GetDirectoryName(path) == Folder;

    public static PortableExecutableReference Shared(string path) => Cache.GetOrAdd(path, p => MetadataReference.CreateFromFile(p, documentation: new AssemblyDocumentation(p)));
}
