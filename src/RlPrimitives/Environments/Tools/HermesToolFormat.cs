using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>
/// Calls as Hermes and Qwen models write them: <c>&lt;tool_call&gt;{"name": "calc", "arguments": {"expression": "12*3"}}&lt;/tool_call&gt;</c>, any number in one
/// response; each result is a message of the role "tool".
/// </summary>
public sealed record HermesToolFormat : IToolFormat
{
    internal const string Open = "<tool_call>", Close = "</tool_call>";

    /// <inheritdoc/>
    public ImmutableArray<string> StopStrings { get; } = [];

    /// <inheritdoc/>
    public bool IsInline => false;

    /// <inheritdoc/>
    public IReadOnlyList<ToolRequest> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var requests = new List<ToolRequest>();
        for (var at = text.IndexOf(Open, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Open, at, StringComparison.Ordinal))
        {
            at += Open.Length;
            var end = text.IndexOf(Close, at, StringComparison.Ordinal);
            if (end < 0)
            {
                requests.Add(new ToolRequest("", text[at..].Trim(), $"the call is not closed by {Close}"));
                break;
            }

            requests.Add(ParseCall(text[at..end].Trim()));
            at = end + Close.Length;
        }

        return requests;
    }

    /// <inheritdoc/>
    public string Write(ToolCall made)
    {
        ArgumentNullException.ThrowIfNull(made);
        return made.Result;
    }

    /// <inheritdoc/>
    public string Describe(IReadOnlyList<AIFunctionDeclaration> tools)
    {
        ArgumentNullException.ThrowIfNull(tools);
        return $$$"""
            You may call tools. Write each call as {{{Open}}}{"name": …, "arguments": {…}}{{{Close}}} and end the message; the results come back. The tools, as JSON:
            """ + "\n" + string.Join('\n', tools.Select(t => ToolSchema.Of(t).ToJsonString()));
    }

    private static ToolRequest ParseCall(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("name", out var name) || name.ValueKind != JsonValueKind.String)
            {
                return new ToolRequest("", json, "a call is an object with a 'name' and 'arguments'");
            }

            if (!root.TryGetProperty("arguments", out var arguments))
            {
                return new ToolRequest(name.GetString()!, "{}");
            }

            // Some models write the arguments' object as a text.
            var written = arguments.ValueKind == JsonValueKind.String ? arguments.GetString()! : arguments.GetRawText();
            return new ToolRequest(name.GetString()!, written);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter: half of a surrogate pair, which is no text
        {
            return new ToolRequest("", json, $"not valid JSON: {e.Message}");
        }
    }
}
