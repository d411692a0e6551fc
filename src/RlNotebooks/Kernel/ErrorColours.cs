using RlNotebooks.Engine;

namespace RlNotebooks.Kernel;

/// <summary>An error's lines with terminal colours, which every client turns into its own.</summary>
internal static class ErrorColours
{
    private const string Red = "\e[1;31m", Green = "\e[32m", Plain = "\e[0m";

    public static IEnumerable<string> Of(CellError error) => error.Traceback.Select(line =>
        line.StartsWith("   at ", StringComparison.Ordinal) ? (line.Contains("cell ", StringComparison.Ordinal) ? $"{Green}{line}{Plain}" : line)
        : line.Split(": ", 2) is [var head, var rest] && !line.StartsWith(' ') ? $"{Red}{head}{Plain}: {rest}"
        : line.TrimStart().StartsWith('^') ? $"{Red}{line}{Plain}" : line);
}
