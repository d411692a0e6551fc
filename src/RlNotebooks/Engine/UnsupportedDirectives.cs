using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace RlNotebooks.Engine;

/// <summary>Says clearly what this engine does not know, where the compiler would only say "preprocessor directive expected".</summary>
internal static class UnsupportedDirectives
{
    public static void ThrowIfAny(CompilationUnitSyntax root)
    {
        foreach (var directive in root.DescendantNodes(descendIntoTrivia: true).OfType<DirectiveTriviaSyntax>())
        {
            var text = directive.ToString().Trim();
            var problem =
                text.StartsWith("#!", StringComparison.Ordinal) ? "magic commands are not supported yet; write plain C#" :
                text.StartsWith("#i", StringComparison.Ordinal) && text.Contains('"', StringComparison.Ordinal) && !text.StartsWith("#if", StringComparison.Ordinal) ? "package sources are not supported yet" :
                directive is ReferenceDirectiveTriviaSyntax r && r.File.ValueText.StartsWith("nuget:", StringComparison.OrdinalIgnoreCase)
                    ? "packages are not supported yet; build a project that references the package and say #r \"path/to/its.dll\"" : null;
            if (problem is not null)
            {
                throw new UnsupportedDirectiveException($"'{text}': {problem}.", directive.GetLocation().GetLineSpan().StartLinePosition.Line + 1);
            }
        }
    }
}

/// <summary>A directive of .NET Interactive that this engine does not know.</summary>
internal sealed class UnsupportedDirectiveException(string message, int line) : NotSupportedException(message)
{
    public int Line => line;
}

/// <summary>A cell that does not compile.</summary>
internal sealed class CellCompilationException(IReadOnlyList<Diagnostic> errors) : Exception(errors[0].GetMessage())
{
    public IReadOnlyList<Diagnostic> Errors => errors;
}
