using System.Globalization;
using System.Text.Json.Nodes;

namespace RlPrimitives.Models.ChatTemplates;

/// <summary>
/// The chat template of a tokenizer: the part of Jinja that published templates use, rendered as transformers does (trim_blocks, lstrip_blocks, JSON without escapes).
/// A template is text of a stranger: it computes only with what it is given, reads no file and calls no code, and its loops, depth and output are limited.
/// Safe to use from several threads at once.
/// </summary>
public sealed class ChatTemplate
{
    private readonly IStatement[] statements;

    private ChatTemplate(IStatement[] statements) => this.statements = statements;

    /// <summary>The clock of <c>strftime_now</c>, by which some templates write today's date into the system prompt.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads a template.</summary>
    /// <param name="jinja">The text of chat_template.jinja, or of the member chat_template of tokenizer_config.json.</param>
    /// <exception cref="ChatTemplateException">It is not a template, or uses a part of Jinja that is not supported; line and element are named.</exception>
    public static ChatTemplate Parse(string jinja)
    {
        ArgumentNullException.ThrowIfNull(jinja);
        return new ChatTemplate(new TemplateParser(TemplateLexer.Read(jinja)).ReadAll());
    }

    /// <summary>The text of a conversation.</summary>
    /// <param name="messages">Objects with <c>role</c>, <c>content</c> and whatever else the template reads.</param>
    /// <param name="tools">Tools as {"type": "function", "function": {…}}; null for none.</param>
    /// <param name="addGenerationPrompt">Whether the text ends where the assistant begins to speak.</param>
    /// <param name="variables">Further names, such as <c>bos_token</c> and <c>eos_token</c>.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation or breaks a limit.</exception>
    public string Render(
        JsonArray messages, JsonArray? tools = null, bool addGenerationPrompt = false, IReadOnlyDictionary<string, JsonNode?>? variables = null)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var context = new TemplateContext(Time);
        context.Set("messages", TemplateValue.Of(messages));
        context.Set("tools", TemplateValue.Of(tools));
        context.Set("documents", null);
        context.Set("add_generation_prompt", addGenerationPrompt);
        foreach (var (name, value) in variables ?? new Dictionary<string, JsonNode?>())
        {
            context.Set(name, TemplateValue.Of(value));
        }

        try
        {
            foreach (var statement in statements)
            {
                statement.Run(context);
            }
        }
        catch (Exception e) when (e is InvalidCastException or OverflowException or ArgumentException or FormatException or InvalidOperationException)
        {
            throw new ChatTemplateException(string.Create(CultureInfo.InvariantCulture, $"The chat template failed: {e.Message}"), e);
        }

        return context.Output.ToString();
    }
}
