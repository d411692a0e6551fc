using System.Net;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace RlNotebooks.Documents;

/// <summary>C# with its words marked by kind.</summary>
internal static class CodeHtml
{
    public static string Of(string code)
    {
        var root = CSharpSyntaxTree.ParseText(code, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)).GetRoot();
        var html = new StringBuilder();
        foreach (var token in root.DescendantTokens())
        {
            Trivia(html, token.LeadingTrivia);
            Mark(html, Kind(token), token.Text);
            Trivia(html, token.TrailingTrivia);
        }

        return html.ToString();
    }

    private static void Trivia(StringBuilder html, SyntaxTriviaList list)
    {
        foreach (var trivia in list)
        {
            var kind = trivia.IsDirective ? "d" : trivia.ToString().StartsWith('/') ? "c" : null;
            Mark(html, kind, trivia.ToFullString());
        }
    }

    private static string? Kind(SyntaxToken token) =>
        token.IsKeyword() || SyntaxFacts.IsContextualKeyword(token.Kind()) || token is { RawKind: (int)SyntaxKind.IdentifierToken, Text: "var" } ? "k"
        : token.Kind() switch
        {
            SyntaxKind.StringLiteralToken or SyntaxKind.CharacterLiteralToken or SyntaxKind.InterpolatedStringTextToken
                or SyntaxKind.InterpolatedStringStartToken or SyntaxKind.InterpolatedStringEndToken or SyntaxKind.InterpolatedVerbatimStringStartToken
                or SyntaxKind.MultiLineRawStringLiteralToken or SyntaxKind.SingleLineRawStringLiteralToken
                or SyntaxKind.InterpolatedRawStringEndToken or SyntaxKind.InterpolatedSingleLineRawStringStartToken
                or SyntaxKind.InterpolatedMultiLineRawStringStartToken => "s",
            SyntaxKind.NumericLiteralToken => "n",
            SyntaxKind.IdentifierToken when token.GetNextToken().IsKind(SyntaxKind.OpenParenToken) => "f",
            _ => null,
        };

    private static void Mark(StringBuilder html, string? kind, string text)
    {
        var encoded = WebUtility.HtmlEncode(text);
        _ = kind is null || text.Length == 0 ? html.Append(encoded) : html.Append("<b class=\"").Append(kind).Append("\">").Append(encoded).Append("</b>");
    }
}
