using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>
/// Calls inside the text, short enough for a model that spells: <c>12*3=[calc: 12*3]</c> is answered by <c>{36}</c>, and the response goes on behind it. An error is
/// answered by <c>{error: …}</c>. Arguments hold no square brackets.
/// </summary>
public sealed partial record BracketToolFormat : IToolFormat
{
    /// <inheritdoc/>
    public ImmutableArray<string> StopStrings { get; } = ["]"];

    /// <inheritdoc/>
    public bool IsInline => true;

    /// <inheritdoc/>
    public IReadOnlyList<ToolRequest> Parse(string text) =>
        [.. Call().Matches(text).Select(m => new ToolRequest(m.Groups["tool"].Value, m.Groups["arguments"].Value.Trim()))];

    /// <inheritdoc/>
    public string Write(ToolCall made)
    {
        ArgumentNullException.ThrowIfNull(made);
        return $"{{{made.Result}}}";
    }

    /// <inheritdoc/>
    public string Describe(IReadOnlyList<AIFunctionDeclaration> tools)
    {
        ArgumentNullException.ThrowIfNull(tools);
        return "You may call tools while you write. The result follows in braces.\n" + string.Join('\n', tools.Select(t => $"[{t.Name}: argument] {t.Description}".TrimEnd()));
    }

    [GeneratedRegex(@"\[(?<tool>[A-Za-z_][A-Za-z0-9_]{0,63}):(?<arguments>[^\[\]]*)\]", RegexOptions.CultureInvariant)]
    private static partial Regex Call();
}
