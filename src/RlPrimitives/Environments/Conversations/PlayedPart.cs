using Microsoft.Extensions.AI;

namespace RlPrimitives.Environments;

/// <summary>A conversation as a model sees it that plays the user.</summary>
internal static class PlayedPart
{
    /// <summary>The same messages from the other side.</summary>
    public static IEnumerable<Message> Of(IReadOnlyList<Message> conversation) =>
        conversation.Select(m => m with { Role = m.Role == ChatRole.Assistant ? ChatRole.User : ChatRole.Assistant });

    /// <summary>What was replied; null where it ends the conversation.</summary>
    public static string? Reply(string text, string endMark) =>
        string.IsNullOrWhiteSpace(text) || (endMark.Length > 0 && text.Contains(endMark, StringComparison.Ordinal)) ? null : text.Trim();
}
