using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using RlPrimitives.Models.ChatTemplates;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Environments;

/// <summary>
/// Conversations by a model's own chat template. The template is rendered whole only for the opening; what follows a response is cut from a rendering of a fixed short
/// conversation, so that nothing said before is ever rendered or encoded again. A template that rewrites what was said before when more is said cannot be used this way,
/// and is refused.
/// </summary>
public sealed class TemplateChatFormat : IChatFormat
{
    // Words that no template or message holds, to find one's place by.
    private const string Question = "q7Kx2question", Answer = "a9Zt4answer";

    private readonly ITokenizer tokenizer;
    private readonly ChatTemplate template;
    private readonly Dictionary<string, JsonNode?> variables;
    private readonly Lazy<bool> tellsTools;
    private readonly Lazy<bool> tellsResults;

    /// <summary>A format from a template.</summary>
    /// <param name="tokenizer">The model's tokenizer; its beginning and end tokens are given to the template.</param>
    /// <param name="jinja">The template's text.</param>
    /// <exception cref="ChatTemplateException">The text is no template that can be rendered.</exception>
    public TemplateChatFormat(ITokenizer tokenizer, string jinja)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        this.tokenizer = tokenizer;
        template = ChatTemplate.Parse(jinja);
        variables = new Dictionary<string, JsonNode?> { ["bos_token"] = TextOf(tokenizer.BosTokenId), ["eos_token"] = TextOf(tokenizer.EosTokenId), ["pad_token"] = TextOf(tokenizer.PadTokenId) };
        tellsTools = new(() => Succeeds(() => Render([new Message(ChatRole.User, Question)], [Probe]), Probe.Name));
        tellsResults = new(() => Succeeds(() => Render([new Message(ChatRole.User, Question), new Message(ChatRole.Assistant, Answer), new Message(ChatRole.Tool, "r5Wm8result")], []), "r5Wm8result"));
    }

    /// <inheritdoc/>
    public bool TellsTools => tellsTools.Value;

    private static AIFunction Probe { get; } = AIFunctionFactory.Create((string x) => x, "p3Vn6probe");

    /// <inheritdoc/>
    /// <exception cref="ChatTemplateException">The template refuses the messages.</exception>
    /// <exception cref="InvalidOperationException">The template would rewrite the opening later.</exception>
    public int[] Open(IReadOnlyList<Message> messages, IReadOnlyList<AIFunction> tools)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(tools);
        var opening = Render(messages, tools);
        if (messages[^1].Role == ChatRole.User)
        {
            CheckStable(opening, Render([.. messages, new Message(ChatRole.Assistant, Answer), new Message(ChatRole.User, Question)], tools));
        }

        return tokenizer.Encode(opening);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The template rewrites what was said before when more is said, or leaves the messages out.</exception>
    public int[] Follow(Turn last, IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(last);
        ArgumentNullException.ThrowIfNull(messages);
        var said = messages.Select(m => m.Role == ChatRole.Tool && !tellsResults.Value
            ? new Message(ChatRole.User, $"<tool_response>\n{m.Text}\n</tool_response>") : m); // for templates that know no tools
        Message[] before = [new Message(ChatRole.User, Question), new Message(ChatRole.Assistant, Answer)];
        var opening = Render(before[..1], []);
        var whole = Render([.. before, .. said], []);
        CheckStable(opening, whole);
        var at = whole.IndexOf(Answer, opening.Length, StringComparison.Ordinal);
        var rest = whole[(at + Answer.Length)..];
        if (messages.FirstOrDefault(m => m.Text.Trim().Length > 0 && !rest.Contains(m.Text.Trim(), StringComparison.Ordinal)) is { } lost)
        {
            throw new InvalidOperationException($"The chat template leaves out a message of the role '{lost.Role}': choose a model whose template has that role, or give a format of your own.");
        }

        return tokenizer.Encode(WithoutEnd(rest, last));
    }

    /// <summary>Ids of any conversation as the template writes it, up to where the model begins to speak; no conversation has to grow from it.</summary>
    /// <param name="messages">Objects with a role, content and what else the template reads.</param>
    /// <param name="tools">As templates expect them; null for none.</param>
    internal int[] Encode(JsonArray messages, JsonArray? tools) => tokenizer.Encode(template.Render(messages, tools, addGenerationPrompt: true, variables));

    private static void CheckStable(string opening, string whole)
    {
        var at = whole.StartsWith(opening, StringComparison.Ordinal) ? whole.IndexOf(Answer, opening.Length, StringComparison.Ordinal) : -1;
        if (at < 0)
        {
            throw new InvalidOperationException(
                "The chat template is not prefix-stable: it rewrites what was said before when more is said (a system prompt or tools that move to the last message, for example). "
                + "Leave those out, or give a format of your own, such as a TemplateChatFormat with a stable template or a PlainChatFormat.");
        }
    }

    /// <summary>What closes a response, less the end that the model sampled itself.</summary>
    private string WithoutEnd(string rest, Turn last)
    {
        if (last.TokenIds.Length == 0 || last.StopReason != Inference.StopReason.StopToken)
        {
            return rest;
        }

        var end = tokenizer.Decode(last.TokenIds.AsSpan()[^1..], skipSpecialTokens: false);
        var at = end.Length == 0 ? -1 : rest.IndexOf(end, StringComparison.Ordinal);
        return at >= 0 && string.IsNullOrWhiteSpace(rest[..at]) ? rest[(at + end.Length)..] : rest;
    }

    private string Render(IEnumerable<Message> messages, IReadOnlyList<AIFunction> tools)
    {
        var rendered = messages.Select(m =>
        {
            var message = new JsonObject { ["role"] = m.Role.Value, ["content"] = m.Text };
            if (m.Role == ChatRole.Tool)
            {
                message["tool_call_id"] = "call00001"; // some templates want nine characters
            }

            return (JsonNode)message;
        });
        return template.Render(
            new JsonArray([.. rendered]), tools.Count == 0 ? null : new JsonArray([.. tools.Select(ToolSchema.Of)]), addGenerationPrompt: true, variables);
    }

    private string TextOf(int? id) => id is { } token ? tokenizer.Decode([token], skipSpecialTokens: false) : "";

    private static bool Succeeds(Func<string> render, string needed)
    {
        try
        {
            return render().Contains(needed, StringComparison.Ordinal);
        }
        catch (ChatTemplateException)
        {
            return false; // the template knows no such thing
        }
    }
}
