using RlNotebooks.Engine.Directives;

namespace RlNotebooks.Engine.Packages;

/// <summary>The packages that a session's cells asked for so far.</summary>
internal sealed class SessionPackages(string folder)
{
    private readonly List<PackageDirective> packages = [];
    private readonly List<string> sources = [];
    private readonly HashSet<string> extended = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Restores what a cell asks for together with what earlier ones did.</summary>
    /// <returns>The assemblies to compile against, and the named code with which new packages set the notebook up; nothing if nothing is new.</returns>
    /// <exception cref="DirectiveException">It cannot be had; names the line.</exception>
    public (IReadOnlyList<string> References, IReadOnlyList<(string Name, string Code)> Extensions) Add(CellText cell, CancellationToken cancellation)
    {
        var newSources = cell.Sources.Except(sources).ToArray();
        var newPackages = cell.Packages.Where(p => !IsKnown(p)).ToArray();
        if (newPackages.Length == 0)
        {
            sources.AddRange(newSources);
            return ([], []);
        }

        PackageAssets assets;
        try
        {
            assets = PackageRestore.Run([.. packages, .. newPackages], [.. sources, .. newSources], folder, cancellation);
        }
        catch (Exception e) when (e is PackageException or IOException)
        {
            throw new DirectiveException($"#r \"nuget: {newPackages[0].Id}, {newPackages[0].Version}\": {e.Message}", newPackages[0].Line);
        }

        // Noted only when it worked: a misspelled package must not fail every later one.
        sources.AddRange(newSources);
        packages.AddRange(newPackages);
        PackageLoader.Add(assets);
        var extensions = assets.Extensions.Where(e => extended.Add(e.Key)).SelectMany(e => Cells(e.Key, e.Value, newPackages[0].Line)).ToArray();
        return (assets.Compile, extensions);
    }

    private static IEnumerable<(string, string)> Cells(string package, string path, int line) =>
        DibFile.CodeCells(File.ReadAllText(path), $"{package}/{DibFile.ExtensionPath}", line).Select((c, i) => ($"extension of {package}, cell {i + 1}", c));

    private bool IsKnown(PackageDirective package)
    {
        var known = packages.Find(p => p.Id.Equals(package.Id, StringComparison.OrdinalIgnoreCase));
        return known is null || known.Version == package.Version || package.Version == "*" ? known is not null
            : throw new DirectiveException($"#r \"nuget: {package.Id}, {package.Version}\": version {known.Version} is loaded already; restart the kernel to change it.", package.Line);
    }
}
