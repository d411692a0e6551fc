using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>A user played by any <see cref="IChatClient"/>. It hears the model's answers as a user's messages and speaks as the assistant.</summary>
/// <param name="Client">The client; not owned.</param>
/// <param name="Instructions">Who it plays, as a system prompt; empty for none.</param>
/// <param name="Options">Temperature, model and the like; null for the client's own.</param>
public sealed record ChatClientPartner(IChatClient Client, string Instructions = "", ChatOptions? Options = null) : IConversationPartner
{
    /// <summary>A text by which the client ends the conversation; the instructions should tell it. An empty reply ends it too.</summary>
    public string EndMark { get; init; } = "[END]";

    /// <inheritdoc/>
    public async ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken)
    {
        IEnumerable<ChatMessage> system = Instructions.Length > 0 ? [new ChatMessage(ChatRole.System, Instructions)] : [];
        var messages = system.Concat(PlayedPart.Of(conversation).Select(m => new ChatMessage(m.Role, m.Text)));
        var response = await Client.GetResponseAsync(messages, Options?.Clone(), cancellationToken).ConfigureAwait(false);
        return PlayedPart.Reply(response.Text, EndMark);
    }
}
