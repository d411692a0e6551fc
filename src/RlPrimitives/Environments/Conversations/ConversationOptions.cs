namespace RlPrimitives.Environments;

/// <summary>How a conversation goes.</summary>
public sealed record ConversationOptions
{
    /// <summary>System prompt; empty for none.</summary>
    public string System { get; init; } = "";

    /// <summary>Most answers of the model to its partner, at least 1; one more makes the conversation truncated.</summary>
    public int MaxTurns
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxTurns), value, "MaxTurns must be at least 1.");
    } = 8;

    /// <summary>Most tokens of a conversation, prompts and answers together, at least 1; no more are sampled. By default as many as the context holds.</summary>
    public int MaxTokens
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxTokens), value, "MaxTokens must be at least 1.");
    } = int.MaxValue;

    /// <summary>How messages become ids; null takes the tokenizer's chat template, or plain text where it has none.</summary>
    public IChatFormat? Format { get; init; }
}
