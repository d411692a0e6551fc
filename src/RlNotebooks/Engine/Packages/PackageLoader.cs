using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;

namespace RlNotebooks.Engine.Packages;

/// <summary>Finds packages' assemblies and native libraries when the process asks for them.</summary>
internal static class PackageLoader
{
    private static readonly ConcurrentDictionary<string, string> Assemblies = new(StringComparer.OrdinalIgnoreCase);
    private static readonly ConcurrentDictionary<string, string> Natives = new(StringComparer.OrdinalIgnoreCase);
    private static readonly Lazy<string> NativeFolder = new(() => Directory.CreateTempSubdirectory("rlnotebooks-native-").FullName);

    static PackageLoader()
    {
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            name.Name is { } simple && Assemblies.TryGetValue(simple, out var path) ? context.LoadFromAssemblyPath(path) : null;
        AssemblyLoadContext.Default.ResolvingUnmanagedDll += (_, name) => Native(name);
        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            if (NativeFolder.IsValueCreated)
            {
                Directory.Delete(NativeFolder.Value, recursive: true);
            }
        };
    }

    /// <summary>Whether an assembly comes from a package of this process, and from where.</summary>
    public static string? PathOf(string simpleName) => Assemblies.GetValueOrDefault(simpleName);

    public static void Add(PackageAssets assets)
    {
        foreach (var path in assets.Runtime)
        {
            Assemblies.TryAdd(Path.GetFileNameWithoutExtension(path), path);
        }

        foreach (var path in assets.Native)
        {
            Natives.TryAdd(Path.GetFileName(path), Beside(path));
        }
    }

    /// <summary>Loads a package's assembly as every other assembly of the process; null when no package has it.</summary>
    public static Assembly? Load(string simpleName) =>
        Assemblies.TryGetValue(simpleName, out var path) ? AssemblyLoadContext.Default.LoadFromAssemblyPath(path) : null;

    // All natives in one folder: one that needs another looks beside itself.
    private static string Beside(string path)
    {
        var link = Path.Combine(NativeFolder.Value, Path.GetFileName(path));
        if (!File.Exists(link))
        {
            if (OperatingSystem.IsWindows())
            {
                File.Copy(path, link);
            }
            else
            {
                File.CreateSymbolicLink(link, path);
            }
        }

        return link;
    }

    private static nint Native(string name)
    {
        foreach (var candidate in References.NativeLibraries.FileNames(name))
        {
            if (Natives.TryGetValue(candidate, out var path))
            {
                return NativeLibrary.Load(path);
            }
        }

        return 0;
    }
}
