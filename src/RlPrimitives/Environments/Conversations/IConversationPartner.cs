namespace RlPrimitives.Environments;

/// <summary>Whoever the model talks with. Keeps nothing of an episode: the conversation tells how far it is.</summary>
public interface IConversationPartner
{
    /// <summary>What is said next; null ends the conversation.</summary>
    /// <param name="problem">What the episode is about, with its columns.</param>
    /// <param name="conversation">Everything said so far, without system prompt; the last message is the model's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken);
}
