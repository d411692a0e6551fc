using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using RlNotebooks.Engine.Packages;

namespace RlNotebooks.Engine.References;

/// <summary>Native libraries of assemblies that cells refer to by path: beside them, or below <c>runtimes</c> as builds and publishes lay them.</summary>
internal static class NativeLibraries
{
    private static readonly ConcurrentDictionary<AssemblyLoadContext, bool> Contexts = new();
    private static readonly Lazy<bool> Installed = new(Install);

    public static void FindBesideAssemblies() => _ = Installed.Value;

    /// <summary>The names that a library of that name may have as a file.</summary>
    public static IEnumerable<string> FileNames(string name) => [name, $"{name}.so", $"lib{name}.so", $"{name}.dylib", $"lib{name}.dylib", $"{name}.dll"];

    private static bool Install()
    {
        AppDomain.CurrentDomain.AssemblyLoad += (_, loaded) =>
        {
            if (AssemblyLoadContext.GetLoadContext(loaded.LoadedAssembly) is { } context && context != AssemblyLoadContext.Default && Contexts.TryAdd(context, true))
            {
                context.ResolvingUnmanagedDll += Find;
            }
        };
        return true;
    }

    private static nint Find(Assembly assembly, string name)
    {
        if (assembly.IsDynamic || Path.GetDirectoryName(assembly.Location) is not { Length: > 0 } folder)
        {
            return 0;
        }

        string[] folders = [folder, Path.Combine(folder, "runtimes", PackageRestore.RuntimeIdentifier, "native")];
        return folders.SelectMany(f => FileNames(name).Select(n => Path.Combine(f, n))).FirstOrDefault(File.Exists) is { } path ? NativeLibrary.Load(path) : 0;
    }
}
