namespace RlNotebooks.Engine.Directives;

/// <summary>A <c>#!</c> line of .NET Interactive: the few that this engine knows, and a clear word about the others.</summary>
internal sealed record Magic(string Name, string Argument)
{
    public const string Time = "time";
    public const string Import = "import";

    private const string OtherLanguage = "this kernel runs C# only; write it in C#, or run it outside the notebook";
    private const string Sharing = "there is one kernel here, so nothing is shared between kernels; a variable is visible in all later cells";

    private static readonly Dictionary<string, string> Known = new(StringComparer.OrdinalIgnoreCase)
    {
        ["fsharp"] = OtherLanguage, ["f#"] = OtherLanguage, ["pwsh"] = OtherLanguage, ["powershell"] = OtherLanguage, ["sql"] = OtherLanguage, ["kql"] = OtherLanguage,
        ["javascript"] = "write HTML(\"<script>…</script>\") in C#", ["js"] = "write HTML(\"<script>…</script>\") in C#",
        ["html"] = "write HTML(\"\"\"…\"\"\") in C#", ["mermaid"] = "write HTML(\"\"\"…\"\"\") with the drawing as SVG",
        ["markdown"] = "write it in a Markdown cell, or \"…\".DisplayAs(\"text/markdown\") in C#",
        ["share"] = Sharing, ["set"] = Sharing, ["value"] = "say var text = System.IO.File.ReadAllText(\"…\") in C#", ["connect"] = "other kernels cannot be connected",
        ["who"] = "completion lists the variables", ["whos"] = "completion lists the variables", ["lsmagic"] = "there are #!time and #!import", ["about"] = "the command 'info' prints versions",
    };

    /// <exception cref="DirectiveException">It is not known here.</exception>
    public static Magic Parse(string text, int line)
    {
        var words = text[2..].Trim().Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
        var (name, argument) = (words.ElementAtOrDefault(0) ?? "", (words.ElementAtOrDefault(1) ?? "").Trim());
        return name.ToLowerInvariant() switch
        {
            Time => new Magic(Time, ""),
            "csharp" or "c#" or "cs" => new Magic("csharp", ""),
            Import when argument.Trim('"').Length > 0 => new Magic(Import, argument.Trim('"')),
            Import => throw new DirectiveException($"'{text}': name the file, for example #!import helpers.cs.", line),
            _ => throw new DirectiveException($"'{text}' is a magic command that is not known here: {Known.GetValueOrDefault(name, "there are #!time and #!import; write plain C#")}.", line),
        };
    }
}

/// <summary>A directive that cannot be followed.</summary>
internal sealed class DirectiveException(string message, int line) : NotSupportedException(message)
{
    public int Line => line;
}
