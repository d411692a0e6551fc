using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using RlNotebooks.Engine.Directives;

namespace RlNotebooks.Engine.Language;

/// <summary>A cell while it is written: what is not C# is blanked out, every position stays.</summary>
internal static class EditedCell
{
    public static string Plain(string code)
    {
        if (!code.Contains('#', StringComparison.Ordinal))
        {
            return code;
        }

        var text = code.ToCharArray();
        foreach (var directive in CellText.Parse(code).DescendantNodes(descendIntoTrivia: true).OfType<DirectiveTriviaSyntax>())
        {
            var isForeign = directive.Kind() is SyntaxKind.BadDirectiveTrivia or SyntaxKind.ShebangDirectiveTrivia
                || (directive is ReferenceDirectiveTriviaSyntax r && r.File.ValueText.TrimStart().StartsWith("nuget", StringComparison.OrdinalIgnoreCase));
            for (var i = directive.SpanStart; isForeign && i < directive.Span.End; i++)
            {
                text[i] = text[i] is '\n' or '\r' ? text[i] : ' ';
            }
        }

        return new string(text);
    }
}
