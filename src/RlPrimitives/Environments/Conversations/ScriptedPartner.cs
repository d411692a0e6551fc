using System.Collections.Immutable;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>Says the same texts in every conversation, one after each answer.</summary>
/// <param name="Texts">What is said after the first answer, after the second, …</param>
public sealed record ScriptedPartner(params ImmutableArray<string> Texts) : IConversationPartner
{
    /// <inheritdoc/>
    public ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken)
    {
        var answers = conversation.Count(m => m.Role == ChatRole.Assistant);
        return ValueTask.FromResult(answers <= Texts.Length ? Texts[answers - 1] : null);
    }
}
