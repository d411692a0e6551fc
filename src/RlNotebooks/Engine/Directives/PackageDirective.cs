using System.Text.RegularExpressions;

namespace RlNotebooks.Engine.Directives;

/// <summary>A package that a cell asks for.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Version">As NuGet reads it; <c>*</c> is the newest release.</param>
/// <param name="Line">Of the cell, from 1.</param>
internal sealed partial record PackageDirective(string Id, string Version, int Line)
{
    /// <summary>Null for a reference that is no package.</summary>
    /// <exception cref="DirectiveException">It begins as one but names none.</exception>
    public static PackageDirective? TryParse(string reference, int line)
    {
        if (!reference.TrimStart().StartsWith("nuget", StringComparison.OrdinalIgnoreCase) || !reference.Contains(':', StringComparison.Ordinal))
        {
            return null;
        }

        var match = Form().Match(reference);
        return match.Success ? new PackageDirective(match.Groups["id"].Value, match.Groups["version"] is { Success: true } v ? v.Value.Trim() : "*", line)
            : throw new DirectiveException($"#r \"{reference}\": say #r \"nuget: Id, Version\", for example #r \"nuget: Humanizer, 2.14.1\".", line);
    }

    /// <summary>The address or folder of an <c>#i</c> line.</summary>
    /// <exception cref="DirectiveException">It names none.</exception>
    public static string Source(string text, int line) =>
        SourceForm().Match(text) is { Success: true } match ? match.Groups["source"].Value.Trim()
        : throw new DirectiveException($"'{text}': say #i \"nuget: address or folder\".", line);

    [GeneratedRegex("""^\s*nuget\s*:\s*(?<id>[A-Za-z0-9_][A-Za-z0-9_.\-]*)\s*(,\s*(?<version>[0-9A-Za-z.*\-+\[\]\(\), ]+?)\s*)?$""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex Form();

    [GeneratedRegex("""^#i\s*"\s*nuget\s*:\s*(?<source>[^"]+)"\s*(//.*)?$""", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture)]
    private static partial Regex SourceForm();
}
