using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.FindSymbols;

namespace RlNotebooks.Engine.Language;

/// <summary>What a symbol is: its declaration and documentation.</summary>
/// <param name="Declaration">As C# writes it.</param>
/// <param name="Documentation">Headed pieces of text; the summary has no heading.</param>
public sealed record SymbolDescription(string Declaration, IReadOnlyList<(string Heading, string Text)> Documentation);

/// <summary>Finds the symbol at a position and describes it.</summary>
internal static class SymbolDescriber
{
    private static readonly SymbolDisplayFormat Format = new(
        SymbolDisplayGlobalNamespaceStyle.Omitted, SymbolDisplayTypeQualificationStyle.NameAndContainingTypes,
        SymbolDisplayGenericsOptions.IncludeTypeParameters | SymbolDisplayGenericsOptions.IncludeTypeConstraints | SymbolDisplayGenericsOptions.IncludeVariance,
        SymbolDisplayMemberOptions.IncludeType | SymbolDisplayMemberOptions.IncludeParameters | SymbolDisplayMemberOptions.IncludeContainingType | SymbolDisplayMemberOptions.IncludeModifiers
            | SymbolDisplayMemberOptions.IncludeRef | SymbolDisplayMemberOptions.IncludeConstantValue,
        SymbolDisplayDelegateStyle.NameAndSignature, SymbolDisplayExtensionMethodStyle.InstanceMethod,
        SymbolDisplayParameterOptions.IncludeType | SymbolDisplayParameterOptions.IncludeName | SymbolDisplayParameterOptions.IncludeDefaultValue | SymbolDisplayParameterOptions.IncludeModifiers
            | SymbolDisplayParameterOptions.IncludeExtensionThis,
        SymbolDisplayPropertyStyle.ShowReadWriteDescriptor, SymbolDisplayLocalOptions.IncludeType | SymbolDisplayLocalOptions.IncludeConstantValue,
        SymbolDisplayKindOptions.IncludeTypeKeyword | SymbolDisplayKindOptions.IncludeNamespaceKeyword,
        SymbolDisplayMiscellaneousOptions.UseSpecialTypes | SymbolDisplayMiscellaneousOptions.IncludeNullableReferenceTypeModifier | SymbolDisplayMiscellaneousOptions.EscapeKeywordIdentifiers);

    public static async Task<SymbolDescription?> DescribeAsync(Document document, int position, CancellationToken cancellation)
    {
        var root = (await document.GetSyntaxRootAsync(cancellation).ConfigureAwait(false))!;
        var model = (await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false))!;
        foreach (var at in Candidates(root, position))
        {
            if (await SymbolFinder.FindSymbolAtPositionAsync(model, at, document.Project.Solution.Workspace, cancellation).ConfigureAwait(false) is { } symbol)
            {
                return Describe(symbol, Overloads(model, root, at, symbol), cancellation);
            }
        }

        return null;
    }

    // The word at the cursor or before it; inside a call's brackets, what is called.
    private static IEnumerable<int> Candidates(SyntaxNode root, int position)
    {
        yield return position;
        if (position > 0)
        {
            yield return position - 1;
            var token = root.FindToken(position - 1);
            for (var node = token.Parent; node is not null; node = node.Parent)
            {
                if (node is BaseArgumentListSyntax { Parent: { } call } && call.ChildNodes().FirstOrDefault() is { } called)
                {
                    yield return called.GetLastToken().SpanStart;
                    break;
                }
            }
        }
    }

    // A call that is not finished fits no overload yet: any one of them is better than nothing.
    private static int Overloads(SemanticModel model, SyntaxNode root, int position, ISymbol symbol) =>
        symbol is IMethodSymbol && root.FindToken(position).Parent is { } node ? model.GetMemberGroup(node).Length - 1 : 0;

    private static SymbolDescription Describe(ISymbol symbol, int overloads, CancellationToken cancellation)
    {
        // What a cell declares at its top is a field to the compiler and a variable to everybody else.
        var declaration = symbol is IFieldSymbol { ContainingType.IsScriptClass: true } field ? $"{field.Type.ToDisplayString(SymbolDisplayFormat.MinimallyQualifiedFormat)} {field.Name}"
            : symbol.ToDisplayString(Format).Replace("Submission.", "", StringComparison.Ordinal);
        var described = symbol is IMethodSymbol { MethodKind: MethodKind.Constructor } c && string.IsNullOrEmpty(c.GetDocumentationCommentXml(cancellationToken: cancellation)) ? c.ContainingType
            : (symbol as IMethodSymbol)?.ReducedFrom ?? symbol.OriginalDefinition;
        return new SymbolDescription($"{declaration}{(overloads > 0 ? $"  (+ {overloads} overload{(overloads == 1 ? "" : "s")})" : "")}", DocumentationText.Of(described, cancellation));
    }
}
