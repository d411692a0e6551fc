using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.Json;

namespace RlNotebooks.Engine.References;

/// <summary>Which assemblies an assembly needs, by simple name, without loading it.</summary>
internal static class Dependencies
{
    public static IReadOnlyList<string> ReferencedBy(string path)
    {
        using var file = new PEReader(File.OpenRead(path));
        if (!file.HasMetadata)
        {
            return [];
        }

        var metadata = file.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(r => metadata.GetString(metadata.GetAssemblyReference(r).Name))];
    }

    /// <summary>What the build wrote beside it in its deps.json: also packages that the assembly itself does not use but brings along.</summary>
    public static IReadOnlyList<string> DeclaredBeside(string path)
    {
        var file = Path.ChangeExtension(path, ".deps.json");
        if (!File.Exists(file))
        {
            return [];
        }

        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return
        [
            .. json.RootElement.GetProperty("targets").EnumerateObject()
                .SelectMany(target => target.Value.EnumerateObject())
                .SelectMany(library => library.Value.TryGetProperty("runtime", out var runtime) ? runtime.EnumerateObject().Select(f => f.Name) : [])
                .Select(f => Path.GetFileNameWithoutExtension(f)).Distinct(),
        ];
    }
}
