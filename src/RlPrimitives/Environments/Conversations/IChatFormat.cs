using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>How messages become ids, such that a conversation only ever grows.</summary>
public interface IChatFormat
{
    /// <summary>Ids of a conversation up to where the model begins to speak.</summary>
    /// <param name="messages">System prompt first, where there is one; at least one message.</param>
    /// <param name="tools">What the model may call; empty where it is not told, or told in a message.</param>
    int[] Open(IReadOnlyList<Message> messages, IReadOnlyList<AIFunction> tools);

    /// <summary>Ids that follow a sampled response: what closes it as far as the model did not, the messages, and where the model begins to speak again.</summary>
    /// <param name="last">The response, which is never encoded again.</param>
    /// <param name="messages">What is said, at least one message.</param>
    int[] Follow(Turn last, IReadOnlyList<Message> messages);

    /// <summary>Whether <see cref="Open"/> tells the model about its tools.</summary>
    bool TellsTools { get; }
}
