using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Environments;

/// <summary>The chat format that belongs to a tokenizer.</summary>
public static class ChatFormat
{
    /// <summary>The tokenizer's own chat template, or plain text where it has none.</summary>
    public static IChatFormat For(ITokenizer tokenizer) =>
        (tokenizer as HuggingFaceTokenizer)?.ChatTemplate is { } template ? new TemplateChatFormat(tokenizer, template) : new PlainChatFormat(tokenizer);
}
