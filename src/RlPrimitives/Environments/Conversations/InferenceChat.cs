using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>A model as a chat client.</summary>
public static class InferenceChat
{
    /// <summary>
    /// The model as an <see cref="IChatClient"/>: streaming, tools, usage. A local model's conversations are written by its chat template (plain text where it has none) and its
    /// tool calls read as Hermes and Qwen models write them; a server does both itself. <see cref="ChatResponse.RawRepresentation"/> of a local model's response is the
    /// <see cref="Generation"/> with ids and log-probs.
    /// </summary>
    /// <remarks>
    /// Nothing of <see cref="ChatOptions"/> is passed over in silence but <see cref="ChatOptions.ModelId"/>: a JSON schema is asked for in words, as a local model is not held to
    /// one; penalties and a required tool call are refused with <see cref="NotSupportedException"/>.
    /// </remarks>
    /// <param name="inference">The model; not owned.</param>
    /// <param name="sampling">How a local model answers where <see cref="ChatOptions"/> does not say; null for its own distribution and at most 512 tokens.</param>
    public static IChatClient AsChatClient(this InferenceModule inference, SamplingOptions? sampling = null)
    {
        ArgumentNullException.ThrowIfNull(inference);
        return inference.Backend.Chat ?? new InferenceChatClient(inference, sampling ?? new SamplingOptions { MaxNewTokens = 512 });
    }

    /// <summary>Ids of messages as <see cref="AsChatClient"/> of a local model would put them into a prompt, up to where the model begins to speak.</summary>
    /// <param name="inference">The model.</param>
    /// <param name="messages">At least one.</param>
    /// <param name="options">Tools, instructions and response format; null for none.</param>
    public static int[] EncodeChat(this InferenceModule inference, IEnumerable<ChatMessage> messages, ChatOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inference);
        ArgumentNullException.ThrowIfNull(messages);
        return new ChatPrompt(inference.Tokenizer).Encode(messages, options);
    }
}
