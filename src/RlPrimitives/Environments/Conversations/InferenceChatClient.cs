using System.Runtime.CompilerServices;
using Microsoft.Extensions.AI;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>A local model as a chat client.</summary>
internal sealed class InferenceChatClient(InferenceModule inference, SamplingOptions sampling) : IChatClient
{
    private readonly ChatPrompt prompt = new(inference.Tokenizer);

    public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var request = Request(messages, options);
        var generation = (await inference.GenerateAsync([request], cancellationToken).ConfigureAwait(false))[0];
        var said = Read(generation, options);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, said.Contents()) { MessageId = NewId("msg") })
        {
            ResponseId = NewId("chatcmpl"), FinishReason = FinishReason(generation, said), Usage = Usage(generation), RawRepresentation = generation,
        };
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        var (response, message) = (NewId("chatcmpl"), NewId("msg"));
        var text = new TextBeforeCalls(ChatPrompt.Offered(options).Count > 0);
        await foreach (var piece in inference.StreamAsync(Request(messages, options), cancellationToken).ConfigureAwait(false))
        {
            var update = new ChatResponseUpdate { Role = ChatRole.Assistant, ResponseId = response, MessageId = message, RawRepresentation = piece };
            if (piece.Response is not { } whole)
            {
                Add(text.Append(piece.Text));
            }
            else
            {
                var said = Read(whole, options);
                Add(text.Rest(said.Text));
                said.Calls.ForEach(update.Contents.Add);
                update.Contents.Add(new UsageContent(Usage(whole)));
                update.FinishReason = FinishReason(whole, said);
            }

            yield return update;

            void Add(string shown)
            {
                if (shown.Length > 0)
                {
                    update.Contents.Add(new TextContent(shown));
                }
            }
        }
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata("rlprimitives")
            : serviceType.IsInstanceOfType(inference) ? inference
            : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <summary>Nothing: the model is not owned.</summary>
    public void Dispose()
    {
    }

    private GenerationRequest Request(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var how = SamplingFor(options);
        var ids = prompt.Encode(messages, options);
        return new GenerationRequest(ids, how, options?.Seed is { } seed ? RandomStream.For((ulong)seed) : inference.NextStream());
    }

    private SamplingOptions SamplingFor(ChatOptions? options)
    {
        if (options is null)
        {
            return sampling;
        }

        if (options.FrequencyPenalty is not (null or 0) || options.PresencePenalty is not (null or 0))
        {
            throw new NotSupportedException("FrequencyPenalty and PresencePenalty are not available with a local model; SamplingOptions.RepetitionPenalty is.");
        }

        if (options.ToolMode is RequiredChatToolMode)
        {
            throw new NotSupportedException("A local model cannot be made to call a tool (ToolMode required): leave it to the model (auto), and ask for it in the messages.");
        }

        return sampling with
        {
            MaxNewTokens = options.MaxOutputTokens ?? sampling.MaxNewTokens,
            Temperature = options.Temperature ?? sampling.Temperature,
            TopP = options.TopP ?? sampling.TopP,
            TopK = options.TopK ?? sampling.TopK,
            StopStrings = options.StopSequences is { Count: > 0 } stops ? [.. stops] : sampling.StopStrings,
        };
    }

    private SaidByModel Read(Generation generation, ChatOptions? options)
    {
        if (ChatPrompt.Offered(options).Count == 0)
        {
            return new SaidByModel(generation.Text, []);
        }

        // The marks of a call may be special tokens, which the text leaves out.
        var ids = generation.StopReason == StopReason.StopToken ? generation.TokenIds.AsSpan()[..^1] : generation.TokenIds;
        return SaidByModel.Of(generation.Text, inference.Tokenizer.Decode(ids, skipSpecialTokens: false));
    }

    private static ChatFinishReason FinishReason(Generation generation, SaidByModel said) =>
        said.Calls.Count > 0 ? ChatFinishReason.ToolCalls
        : generation.StopReason is StopReason.MaxNewTokens or StopReason.ContextLength ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private static UsageDetails Usage(Generation generation) => new()
    {
        InputTokenCount = generation.PromptIds.Length, OutputTokenCount = generation.TokenIds.Length, TotalTokenCount = generation.PromptIds.Length + generation.TokenIds.Length,
    };

    private static string NewId(string kind) => $"{kind}-{Guid.NewGuid():N}";
}
