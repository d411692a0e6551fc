using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace RlNotebooks.Engine.Language;

/// <summary>XML documentation as headed pieces of plain text.</summary>
internal static partial class DocumentationText
{
    private const int DeepestInheritance = 8;

    public static IReadOnlyList<(string Heading, string Text)> Of(ISymbol symbol, CancellationToken cancellation)
    {
        if (Xml(symbol, 0, cancellation) is not { } member)
        {
            return [];
        }

        var pieces = member.Elements().Select(e => (Heading: e.Name.LocalName switch
        {
            "summary" => "",
            "param" => $"Parameter {e.Attribute("name")?.Value}",
            "typeparam" => $"Type parameter {e.Attribute("name")?.Value}",
            "returns" => "Returns",
            "value" => "Value",
            "exception" => $"Throws {Reference(e.Attribute("cref")?.Value)}",
            "remarks" => "Remarks",
            _ => null,
        }, Text: Text(e)));
        return [.. pieces.Where(p => p.Heading is not null && p.Text.Length > 0).Select(p => (p.Heading!, p.Text)).OrderBy(p => p.Item1.Length > 0)];
    }

    private static XElement? Xml(ISymbol symbol, int depth, CancellationToken cancellation)
    {
        var xml = symbol.GetDocumentationCommentXml(cancellationToken: cancellation);
        if (string.IsNullOrWhiteSpace(xml))
        {
            return null;
        }

        try
        {
            var parsed = XElement.Parse(xml, LoadOptions.PreserveWhitespace);
            return parsed.Descendants("inheritdoc").Any() && depth < DeepestInheritance && Inherited(symbol) is { } from ? Xml(from, depth + 1, cancellation) ?? parsed : parsed;
        }
        catch (XmlException)
        {
            return null; // A comment that is not XML documents nothing.
        }
    }

    private static ISymbol? Inherited(ISymbol symbol) => symbol switch
    {
        IMethodSymbol { OverriddenMethod: { } m } => m,
        IPropertySymbol { OverriddenProperty: { } p } => p,
        INamedTypeSymbol { BaseType: { SpecialType: not SpecialType.System_Object } b } => b,
        { ContainingType: { } type } => type.AllInterfaces.SelectMany(i => i.GetMembers(symbol.Name)).FirstOrDefault(m => SymbolEqualityComparer.Default.Equals(type.FindImplementationForInterfaceMember(m), symbol)),
        _ => null,
    };

    private static string Text(XElement element)
    {
        var text = new StringBuilder();
        Append(text, element);
        return string.Join('\n', text.ToString().Split('\n').Select(l => Spaces().Replace(l, " ").Trim()).SkipWhile(l => l.Length == 0)).Replace("\n\n\n", "\n\n", StringComparison.Ordinal).TrimEnd();
    }

    private static void Append(StringBuilder text, XElement element)
    {
        foreach (var node in element.Nodes())
        {
            switch (node)
            {
                case XText t:
                    text.Append(LineEnds().Replace(t.Value, " "));
                    break;
                case XElement { Name.LocalName: "para" or "list" or "item" or "code" or "br" } block:
                    text.Append('\n');
                    Append(text, block);
                    text.Append('\n');
                    break;
                case XElement { IsEmpty: true } e:
                    text.Append(e.Attribute("langword")?.Value ?? e.Attribute("name")?.Value ?? Reference(e.Attribute("cref")?.Value));
                    break;
                case XElement e:
                    Append(text, e);
                    break;
            }
        }
    }

    // "M:System.Math.Max(System.Int32,System.Int32)" → "Math.Max".
    private static string Reference(string? cref)
    {
        var name = (cref ?? "").Split('(')[0];
        var parts = (name is [_, ':', ..] ? name[2..] : name).Split('.');
        return Arity().Replace(name.StartsWith("T:", StringComparison.Ordinal) || parts.Length < 2 ? parts[^1] : $"{parts[^2]}.{parts[^1]}", "");
    }

    [GeneratedRegex(@"[ \t]+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"\s*\r?\n\s*")]
    private static partial Regex LineEnds();

    [GeneratedRegex(@"`+\d+")]
    private static partial Regex Arity();
}
