using System.Globalization;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using RlNotebooks.Documents;

namespace RlNotebooks.Running;

/// <summary>Overrides the values of the cell tagged <c>parameters</c> by a cell of assignments after it, as papermill does.</summary>
internal static class Parameters
{
    public const string Tag = "parameters";
    public const string InjectedTag = "injected-parameters";

    public static void Inject(Notebook notebook, IReadOnlyDictionary<string, string> values, string path)
    {
        if (values.Count == 0)
        {
            return;
        }

        var cells = notebook.Cells;
        var at = Enumerable.Range(0, cells.Count).FirstOrDefault(i => cells[i].IsCode && cells[i].HasTag(Tag), -1);
        if (at < 0)
        {
            throw new NotebookException($"{path}: -p was given, but no code cell is tagged '{Tag}'. Tag the cell that declares the parameters.");
        }

        var declared = Declared(cells[at].Source);
        var assignments = values.Select(v => declared.TryGetValue(v.Key, out var type)
            ? $"{v.Key} = {Literal(type, v.Key, v.Value, path)};"
            : throw new NotebookException($"{path}: no parameter '{v.Key}'. Its parameters are: {string.Join(", ", declared.Keys)}."));
        var source = string.Join('\n', assignments.Prepend("// Given on the command line."));
        if (cells.ElementAtOrDefault(at + 1)?.HasTag(InjectedTag) == true)
        {
            notebook.RemoveAt(at + 1);
        }

        notebook.InsertCode(at + 1, InjectedTag, source, InjectedTag);
    }

    /// <summary>Name → type, in the order of the cell; <c>var</c> is resolved from a literal, otherwise "" (any expression).</summary>
    internal static Dictionary<string, string> Declared(string source)
    {
        var root = (CompilationUnitSyntax)CSharpSyntaxTree.ParseText(source, CSharpParseOptions.Default.WithKind(SourceCodeKind.Script)).GetRoot();
        return root.Members.OfType<FieldDeclarationSyntax>()
            .SelectMany(f => f.Declaration.Variables.Select(v => (v.Identifier.ValueText,
                f.Modifiers.Any(SyntaxKind.ConstKeyword) || f.Modifiers.Any(SyntaxKind.ReadOnlyKeyword) ? "const"
                : f.Declaration.Type.IsVar ? TypeOf(v.Initializer?.Value) : f.Declaration.Type.ToString())))
            .ToDictionary(p => p.ValueText, p => p.Item2);
    }

    private static string TypeOf(ExpressionSyntax? value) => value switch
    {
        PrefixUnaryExpressionSyntax { Operand: var operand } => TypeOf(operand),
        LiteralExpressionSyntax { Token.Value: { } literal } => literal switch
        {
            int => "int",
            long => "long",
            float => "float",
            double => "double",
            decimal => "decimal",
            bool => "bool",
            char => "char",
            string => "string",
            _ => "",
        },
        _ => "",
    };

    private static string Literal(string type, string name, string text, string path)
    {
        var isNullable = type.EndsWith('?');
        if (isNullable && text == "null")
        {
            return text;
        }

        var digits = text.Replace("_", "", StringComparison.Ordinal);
        var literal = type.TrimEnd('?') switch
        {
            "int" => int.TryParse(digits, CultureInfo.InvariantCulture, out var i) ? Number(i) : null,
            "long" => long.TryParse(digits, CultureInfo.InvariantCulture, out var l) ? Number(l) + "L" : null,
            "ulong" => ulong.TryParse(digits, CultureInfo.InvariantCulture, out var u) ? Number(u) + "UL" : null,
            "uint" => uint.TryParse(digits, CultureInfo.InvariantCulture, out var u) ? Number(u) + "U" : null,
            "float" => float.TryParse(digits, CultureInfo.InvariantCulture, out var f) && float.IsFinite(f) ? Number(f) + "f" : null,
            "double" => double.TryParse(digits, CultureInfo.InvariantCulture, out var d) && double.IsFinite(d) ? Number(d) + "d" : null,
            "decimal" => decimal.TryParse(digits, CultureInfo.InvariantCulture, out var m) ? Number(m) + "m" : null,
            "bool" => bool.TryParse(text, out var b) ? (b ? "true" : "false") : null,
            "char" => text.Length == 1 ? SymbolDisplay.FormatLiteral(text[0], quote: true) : null,
            "string" => SymbolDisplay.FormatLiteral(text, quote: true),
            "const" => throw new NotebookException($"{path}: parameter '{name}' is const and cannot be given. Declare it without const."),
            _ => SyntaxFactory.ParseExpression(text) is { ContainsDiagnostics: false } ? text : null,
        };
        return literal ?? throw new NotebookException(
            $"{path}: parameter '{name}' is {(type.Length == 0 ? "an expression" : $"of type {type}")}; '{text}' is not one.");
    }

    private static string Number(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
