using Microsoft.Extensions.AI;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Environments;

/// <summary>Conversations as plain text, for models without a chat template: "User: …\nAssistant: …\n".</summary>
/// <param name="Tokenizer">The model's tokenizer.</param>
public sealed record PlainChatFormat(ITokenizer Tokenizer) : IChatFormat
{
    /// <summary>Before a system prompt.</summary>
    public string System { get; init; } = "";

    /// <summary>Before what the user says.</summary>
    public string User { get; init; } = "User: ";

    /// <summary>Before a tool's result.</summary>
    public string Tool { get; init; } = "Tool: ";

    /// <summary>Before what the model says.</summary>
    public string Assistant { get; init; } = "Assistant: ";

    /// <summary>After every message.</summary>
    public string End { get; init; } = "\n";

    /// <inheritdoc/>
    public bool TellsTools => false;

    /// <inheritdoc/>
    public int[] Open(IReadOnlyList<Message> messages, IReadOnlyList<AIFunction> tools) => Tokenizer.Encode(Said(messages) + Assistant, addSpecialTokens: true);

    /// <inheritdoc/>
    public int[] Follow(Turn last, IReadOnlyList<Message> messages) => Tokenizer.Encode(End + Said(messages) + Assistant);

    private string Said(IReadOnlyList<Message> messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        return string.Concat(messages.Select(m => $"{Before(m.Role)}{m.Text}{End}"));
    }

    private string Before(ChatRole role) => role == ChatRole.System ? System : role == ChatRole.Assistant ? Assistant : role == ChatRole.Tool ? Tool : User;
}
