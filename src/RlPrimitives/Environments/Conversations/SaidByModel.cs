using System.Text.Json;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>A response as a chat client tells it: text, then calls of tools.</summary>
/// <param name="Text">What is no call.</param>
/// <param name="Calls">In order.</param>
internal sealed record SaidByModel(string Text, List<AIContent> Calls)
{
    private static readonly HermesToolFormat Format = new();

    /// <summary>Reads the calls in a response; one that cannot be read stays in the text.</summary>
    /// <param name="text">Without special tokens.</param>
    /// <param name="written">With them.</param>
    public static SaidByModel Of(string text, string written)
    {
        var requests = Format.Parse(written);
        if (requests.Count == 0 || requests.Any(r => r.Error is not null))
        {
            return new SaidByModel(text, []);
        }

        var before = written[..written.IndexOf(HermesToolFormat.Open, StringComparison.Ordinal)];
        before = text.StartsWith(before, StringComparison.Ordinal) ? before : text[..Math.Min(text.Length, before.Length)];
        return new SaidByModel(before.TrimEnd(), [.. requests.Select(r => FunctionCallContent.CreateFromParsedArguments(
            r.Arguments, $"call_{Guid.NewGuid():N}", r.Tool, static written => JsonSerializer.Deserialize<Dictionary<string, object?>>(written)))]);
    }

    public List<AIContent> Contents() => Text.Length == 0 && Calls.Count > 0 ? Calls : [new TextContent(Text), .. Calls];
}

/// <summary>The text of a growing response up to the first call of a tool; what may be the beginning of one is held back.</summary>
internal sealed class TextBeforeCalls(bool hasTools)
{
    private string pending = "";
    private int shown;

    public string Append(string piece)
    {
        if (!hasTools)
        {
            shown += piece.Length;
            return piece;
        }

        pending += piece;
        var at = pending.IndexOf(HermesToolFormat.Open, StringComparison.Ordinal);
        if (at < 0)
        {
            at = pending.Length;
            for (var length = Math.Min(HermesToolFormat.Open.Length - 1, pending.Length); length > 0; length--)
            {
                if (HermesToolFormat.Open.StartsWith(pending[^length..], StringComparison.Ordinal))
                {
                    at = pending.Length - length;
                    break;
                }
            }

            // White space before a call is not part of the text.
            while (at > 0 && char.IsWhiteSpace(pending[at - 1]))
            {
                at--;
            }
        }
        else
        {
            at = 0; // the end will tell
        }

        var text = pending[..at];
        pending = pending[at..];
        shown += text.Length;
        return text;
    }

    /// <summary>What is left of the whole text.</summary>
    public string Rest(string whole) => whole.Length > shown ? whole[shown..] : "";
}
