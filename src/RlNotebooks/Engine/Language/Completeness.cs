using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using RlNotebooks.Engine.Directives;

namespace RlNotebooks.Engine.Language;

/// <summary>Whether text typed so far can be run: for consoles that decide what the Enter key means.</summary>
internal enum Completeness
{
    /// <summary>It can be run.</summary>
    Complete,

    /// <summary>More is expected.</summary>
    Incomplete,

    /// <summary>Nothing that could follow would make it right.</summary>
    Invalid,
}

/// <summary>Judges completeness by syntax alone.</summary>
internal static class CompletenessCheck
{
    private const int IndentWidth = 4;

    /// <summary>The judgement, and for incomplete text the indentation of the next line.</summary>
    public static (Completeness Completeness, string Indent) Of(string code)
    {
        var tree = CellText.Parse(EditedCell.Plain(code)).SyntaxTree;
        return !SyntaxFactory.IsCompleteSubmission(tree) ? (Completeness.Incomplete, Indent(code))
            : tree.GetDiagnostics().Any(d => d.Severity == DiagnosticSeverity.Error) ? (Completeness.Invalid, "") : (Completeness.Complete, "");
    }

    private static string Indent(string code)
    {
        var last = code.TrimEnd().Split('\n')[^1];
        var depth = last.Length - last.TrimStart().Length;
        return new string(' ', depth + (last.TrimEnd() is [.., '{' or '(' or '['] ? IndentWidth : 0));
    }
}
