using System.Text;

namespace RlNotebooks.Engine.Directives;

/// <summary>
/// The format of .NET Interactive's own script files: cells one after the other, each headed by <c>#!csharp</c>, <c>#!markdown</c> and the like. Packages
/// carry one at <see cref="ExtensionPath"/> to set a notebook up.
/// </summary>
internal static class DibFile
{
    /// <summary>Where in a package the file lies that is run once the package is loaded.</summary>
    public const string ExtensionPath = "interactive-extensions/dotnet/extension.dib";

    private static readonly string[] CSharp = ["csharp", "c#", "cs"];
    private static readonly string[] Texts = ["markdown", "meta"];
    private static readonly string[] Others = ["fsharp", "f#", "pwsh", "powershell", "sql", "kql", "javascript", "js", "html", "mermaid", "http"];

    /// <summary>The C# cells, in order; text cells are passed over.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="name">What the message calls it.</param>
    /// <param name="line">Of the directive that asked for it.</param>
    /// <exception cref="DirectiveException">A cell is in another language.</exception>
    public static IReadOnlyList<string> CodeCells(string text, string name, int line)
    {
        var cells = new List<string>();
        var code = new StringBuilder();
        var isCode = true;
        foreach (var each in text.ReplaceLineEndings("\n").Split('\n'))
        {
            var heading = each.StartsWith("#!", StringComparison.Ordinal) ? each[2..].Trim().ToLowerInvariant() : null;
            if (heading is not null && Others.Contains(heading))
            {
                throw new DirectiveException($"{name}: a cell is written in {heading}; this kernel runs C# only.", line);
            }

            if (heading is not null && (CSharp.Contains(heading) || Texts.Contains(heading)))
            {
                End();
                isCode = CSharp.Contains(heading);
            }
            else if (isCode)
            {
                code.Append(each).Append('\n');
            }
        }

        End();
        return cells;

        void End()
        {
            if (!string.IsNullOrWhiteSpace(code.ToString()))
            {
                cells.Add(code.ToString());
            }

            code.Clear();
        }
    }
}
