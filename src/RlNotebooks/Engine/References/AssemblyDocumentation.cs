using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine.References;

/// <summary>The XML documentation of an assembly, found when somebody asks: beside it, beside what it links to, or in the SDK's reference packs.</summary>
internal sealed class AssemblyDocumentation(string assemblyPath) : DocumentationProvider
{
    // An implementation assembly has members of many reference assemblies, so all of the framework's files are searched.
    private static readonly Lazy<string[]> FrameworkFiles = new(FindFrameworkFiles);

    private readonly Lazy<string[]> files = new(() => FilesFor(assemblyPath));
    private readonly Dictionary<string, string> known = [];

    public override bool Equals(object? obj) => obj is AssemblyDocumentation other && other.AssemblyPath == AssemblyPath;

    public override int GetHashCode() => AssemblyPath.GetHashCode(StringComparison.Ordinal);

    protected override string? GetDocumentationForSymbol(string documentationMemberID, CultureInfo preferredCulture, CancellationToken cancellationToken = default)
    {
        lock (known)
        {
            if (!known.TryGetValue(documentationMemberID, out var text))
            {
                known[documentationMemberID] = text = files.Value.Select(f => Find(f, documentationMemberID)).FirstOrDefault(t => t.Length > 0) ?? "";
            }

            return text;
        }
    }

    private string AssemblyPath => assemblyPath;

    // The files hold up to ten megabytes: the member is looked for in the bytes, and only it is parsed.
    private static string Find(string path, string member)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"<member name=\"{member}\">"));
            var length = at < 0 ? -1 : bytes.AsSpan(at).IndexOf("</member>"u8);
            return length < 0 ? "" : XElement.Parse(Encoding.UTF8.GetString(bytes, at, length + "</member>".Length), LoadOptions.PreserveWhitespace).ToString();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or XmlException)
        {
            return ""; // No documentation is no reason to fail a question about a symbol.
        }
    }

    private static string[] FilesFor(string assembly)
    {
        if (FrameworkReferences.IsFramework(assembly))
        {
            return FrameworkFiles.Value;
        }

        var linked = File.ResolveLinkTarget(assembly, returnFinalTarget: true)?.FullName;
        return [.. new[] { assembly, linked }.OfType<string>().Select(p => Path.ChangeExtension(p, ".xml")).Where(File.Exists).Take(1)];
    }

    private static string[] FindFrameworkFiles()
    {
        var packs = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "packs", "Microsoft.NETCore.App.Ref"));
        var newest = Directory.Exists(packs) ? Directory.EnumerateDirectories(packs).OrderByDescending(d => Version.TryParse(Path.GetFileName(d).Split('-')[0], out var v) ? v : new Version()).FirstOrDefault() : null;
        var folder = newest is null ? null : Directory.EnumerateDirectories(Path.Combine(newest, "ref")).FirstOrDefault();
        // The largest last: most of what is asked for is in System.Runtime and the collections.
        return folder is null ? [] : [.. Directory.EnumerateFiles(folder, "*.xml").OrderByDescending(f => Path.GetFileName(f) is "System.Runtime.xml").ThenBy(f => f, StringComparer.Ordinal)];
    }
}
