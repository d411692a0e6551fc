using System.Collections.Immutable;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>One exchange with the model, token-exact: what was fed, what was sampled, and how probable that was.</summary>
/// <param name="PromptIds">Every id the model saw before it answered, the conversation so far included.</param>
/// <param name="TokenIds">The sampled ids, a stop token included. Only these are trained on.</param>
/// <param name="LogProbs">One for each sampled id, in nats, of the distribution actually sampled from.</param>
/// <param name="Text">The response as text, without stop token or stop string.</param>
/// <param name="StopReason">Why the response ended.</param>
/// <param name="Temperature">The temperature sampled at; the trainer's log-probs are taken at the same one.</param>
public sealed record Turn(int[] PromptIds, int[] TokenIds, float[] LogProbs, string Text, StopReason StopReason, float Temperature)
{
    /// <summary>The tool calls that the response asked for, in order.</summary>
    public ImmutableArray<ToolCall> ToolCalls { get; init; } = [];

    /// <summary>Version of the weights that the response was begun with; null where the backend does not say.</summary>
    public long? WeightsVersion { get; init; }

    /// <summary>Wall time of the generation, including the wait for a place in the batch.</summary>
    public double Seconds { get; init; }

    /// <summary>Whether the response was cut off by a limit.</summary>
    public bool IsCutOff => StopReason is StopReason.MaxNewTokens or StopReason.ContextLength;
}
