using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting.Hosting;
using RlNotebooks.Engine.Packages;

namespace RlNotebooks.Engine.References;

/// <summary>
/// Finds what <c>#r</c> names: relative to the notebook, except that an assembly this process already has is taken from where the
/// process has it, so that a library type in a cell is the same type outside it.
/// </summary>
internal sealed class NotebookReferenceResolver(string folder, InteractiveAssemblyLoader loader) : MetadataReferenceResolver
{
    // The warm-up, cells and questions about code compile at the same time.
    private readonly ConcurrentDictionary<string, bool> registered = new();

    public override bool ResolveMissingAssemblies => true;

    public override ImmutableArray<PortableExecutableReference> ResolveReference(string reference, string? baseFilePath, MetadataReferenceProperties properties) =>
        Find(reference) is { } path ? [Reference(path).WithProperties(properties)] : [];

    public override PortableExecutableReference? ResolveMissingAssembly(MetadataReference definition, AssemblyIdentity referenceIdentity) =>
        Named(referenceIdentity.Name, Path.GetDirectoryName((definition as PortableExecutableReference)?.FilePath)) is { } path ? Reference(path) : null;

    /// <summary>What else a referenced assembly needs, so that cells can name those types too. Framework assemblies are left out.</summary>
    public IEnumerable<MetadataReference> WithDependencies(string reference)
    {
        if (Find(reference) is not { } start || FrameworkReferences.IsFramework(start))
        {
            return [];
        }

        var found = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        var open = new Queue<string>([start]);
        foreach (var declared in Dependencies.DeclaredBeside(Path.GetFullPath(reference, folder)))
        {
            Add(declared, start);
        }

        while (open.TryDequeue(out var path))
        {
            foreach (var name in Dependencies.ReferencedBy(path))
            {
                Add(name, path);
            }
        }

        return [.. found.Values.Append(start).Select(Reference)];

        void Add(string name, string neededBy)
        {
            if (Named(name, Path.GetDirectoryName(neededBy)) is { } path && !FrameworkReferences.IsFramework(path) && path != start && found.TryAdd(name, path))
            {
                open.Enqueue(path);
            }
        }
    }

    /// <summary>An assembly of a package, unless this process has another of that name.</summary>
    public MetadataReference OfPackage(string path) => Reference(InProcess(Path.GetFileNameWithoutExtension(path)) ?? path);

    public override bool Equals(object? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

    private string? Find(string reference)
    {
        var isFile = reference.EndsWith(".dll", StringComparison.OrdinalIgnoreCase) || reference.EndsWith(".exe", StringComparison.OrdinalIgnoreCase);
        var name = isFile ? Path.GetFileNameWithoutExtension(reference) : reference.Split(',')[0];
        if (InProcess(name) is { } known)
        {
            return known;
        }

        var path = Path.GetFullPath(reference, folder);
        return isFile && File.Exists(path) ? path : null;
    }

    private static string? Named(string name, string? besideFolder)
    {
        if (InProcess(name) is { } known)
        {
            return known;
        }

        if (PackageLoader.PathOf(name) is { } packaged)
        {
            return packaged;
        }

        var sibling = besideFolder is null ? null : Path.Combine(besideFolder, $"{name}.dll");
        return File.Exists(sibling) ? sibling : null;
    }

    private static string? InProcess(string name) => FrameworkReferences.Known.TryGetValue(name, out var path) ? path
        : AssemblyLoadContext.Default.Assemblies.FirstOrDefault(a => a.GetName().Name == name && a.Location.Length > 0)?.Location;

    private PortableExecutableReference Reference(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        if (InProcess(name) != path)
        {
            // A package's assembly is loaded where the process finds it, so that its own dependencies and natives are found too.
            if (PackageLoader.Load(name) is { } packaged)
            {
                if (registered.TryAdd(name, true))
                {
                    loader.RegisterDependency(packaged);
                }

                return FrameworkReferences.Shared(path);
            }

            // Not shared: the file may be rebuilt before the next session.
            return MetadataReference.CreateFromFile(path, documentation: new AssemblyDocumentation(path));
        }

        if (!FrameworkReferences.IsFramework(path) && registered.TryAdd(name, true))
        {
            loader.RegisterDependency(AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(name)));
        }

        return FrameworkReferences.Shared(path);
    }
}
