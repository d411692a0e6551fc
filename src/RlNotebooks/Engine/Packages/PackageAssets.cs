using System.Text.Json;
using RlNotebooks.Engine.Directives;

namespace RlNotebooks.Engine.Packages;

/// <summary>The files that a restored set of packages consists of on this machine.</summary>
/// <param name="Compile">Assemblies that cells compile against.</param>
/// <param name="Runtime">Assemblies that are loaded.</param>
/// <param name="Native">Native libraries.</param>
/// <param name="Resolved">Package → the version that was chosen.</param>
/// <param name="Extensions">Package → the file that sets a notebook up for it, where it carries one.</param>
internal sealed record PackageAssets(
    IReadOnlyList<string> Compile, IReadOnlyList<string> Runtime, IReadOnlyList<string> Native, IReadOnlyDictionary<string, string> Resolved,
    IReadOnlyDictionary<string, string> Extensions)
{
    /// <summary>Reads a restore's <c>project.assets.json</c>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="runtimeIdentifier">The machine's kind, as it was restored for.</param>
    public static PackageAssets Read(string path, string runtimeIdentifier)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(path));
        var root = json.RootElement;
        var folders = root.GetProperty("packageFolders").EnumerateObject().Select(f => f.Name).ToArray();
        var libraries = root.GetProperty("libraries");
        var target = root.GetProperty("targets").EnumerateObject().Single(t => t.Name.EndsWith($"/{runtimeIdentifier}", StringComparison.Ordinal)).Value;
        List<string> compile = [], runtime = [], native = [];
        var resolved = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var extensions = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var library in target.EnumerateObject().Where(l => l.Value.GetProperty("type").GetString() == "package"))
        {
            var parts = library.Name.Split('/');
            resolved[parts[0]] = parts[1];
            var relative = libraries.GetProperty(library.Name).GetProperty("path").GetString()!;
            compile.AddRange(Files("compile"));
            runtime.AddRange(Files("runtime"));
            native.AddRange(Files("native"));
            if (libraries.GetProperty(library.Name).GetProperty("files").EnumerateArray().Any(f => f.ValueEquals(DibFile.ExtensionPath)))
            {
                extensions[parts[0]] = Located(folders, relative, DibFile.ExtensionPath);
            }

            // "_._" stands for "nothing, on purpose".
            IEnumerable<string> Files(string kind) => !library.Value.TryGetProperty(kind, out var files) ? []
                : files.EnumerateObject().Where(f => !f.Name.EndsWith("/_._", StringComparison.Ordinal)).Select(f => Located(folders, relative, f.Name));
        }

        return new PackageAssets(compile, runtime, native, resolved, extensions);
    }

    private static string Located(string[] folders, string package, string file) =>
        folders.Select(f => Path.GetFullPath(Path.Combine(f, package, file))).FirstOrDefault(File.Exists)
        ?? throw new FileNotFoundException($"{package}/{file} is not in the package cache ({string.Join(", ", folders)}). Run the cell again; if that does not help, clear the cache: dotnet nuget locals all --clear");
}
