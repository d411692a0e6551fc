using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace RlNotebooks.Engine.Directives;

/// <summary>A cell taken apart: plain C#, and what its directives ask for.</summary>
/// <param name="Parts">In order. Each keeps the cell's lines, so that its line numbers are the cell's.</param>
/// <param name="Packages">Of <c>#r "nuget: …"</c>.</param>
/// <param name="Sources">Of <c>#i "nuget: …"</c>: where else to look for packages.</param>
/// <param name="IsTimed">Whether it says <c>#!time</c>.</param>
internal sealed record CellText(IReadOnlyList<CellPart> Parts, IReadOnlyList<PackageDirective> Packages, IReadOnlyList<string> Sources, bool IsTimed)
{
    private static readonly CSharpParseOptions Script = CSharpParseOptions.Default.WithKind(SourceCodeKind.Script).WithLanguageVersion(LanguageVersion.Latest);

    public static CompilationUnitSyntax Parse(string code, CancellationToken cancellation = default) =>
        (CompilationUnitSyntax)CSharpSyntaxTree.ParseText(code, Script, cancellationToken: cancellation).GetRoot(cancellation);

    /// <exception cref="DirectiveException">A directive that this engine does not know, or that is not well formed.</exception>
    public static CellText Of(string code)
    {
        var lines = code.Split('\n');
        var parts = new List<CellPart>();
        var packages = new List<PackageDirective>();
        var sources = new List<string>();
        var (start, isTimed) = (0, false);
        foreach (var directive in Directives(code))
        {
            var line = directive.GetLocation().GetLineSpan().StartLinePosition.Line;
            var text = lines[line].Trim();
            if (directive is ReferenceDirectiveTriviaSyntax reference)
            {
                if (PackageDirective.TryParse(reference.File.ValueText, line + 1) is { } package)
                {
                    packages.Add(package);
                    lines[line] = "";
                }
            }
            else if (text.StartsWith("#i", StringComparison.Ordinal) && text[2..].TrimStart().StartsWith('"'))
            {
                sources.Add(PackageDirective.Source(text, line + 1));
                lines[line] = "";
            }
            else if (text.StartsWith("#!", StringComparison.Ordinal))
            {
                var magic = Magic.Parse(text, line + 1);
                lines[line] = "";
                isTimed |= magic.Name == Magic.Time;
                if (magic.Name == Magic.Import)
                {
                    AddCode(start, line);
                    parts.Add(new ImportPart(magic.Argument, line + 1));
                    start = line + 1;
                }
            }
        }

        AddCode(start, lines.Length);
        return new CellText(parts, packages, sources, isTimed);

        void AddCode(int from, int to)
        {
            var own = string.Join('\n', lines[from..to]);
            // A cell of directives only still is one submission: it compiles its references.
            if (own.Trim().Length > 0 || (to == lines.Length && parts.Count == 0))
            {
                parts.Add(new CodePart($"{new string('\n', from)}{own}"));
            }
        }
    }

    // Only what the compiler takes for a directive: a raw string may hold such lines too.
    private static IEnumerable<DirectiveTriviaSyntax> Directives(string code) =>
        code.Contains('#', StringComparison.Ordinal) ? Parse(code).DescendantNodes(descendIntoTrivia: true).OfType<DirectiveTriviaSyntax>() : [];
}

/// <summary>One piece of a cell.</summary>
internal abstract record CellPart;

/// <summary>C# script.</summary>
internal sealed record CodePart(string Code) : CellPart;

/// <summary>A file to run here.</summary>
/// <param name="Path">As written.</param>
/// <param name="Line">Of the cell, from 1.</param>
internal sealed record ImportPart(string Path, int Line) : CellPart;
