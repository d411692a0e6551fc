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
    /// <summary>Whether the response was cut off by a limit.</summary>
    public bool IsCutOff => StopReason is StopReason.MaxNewTokens or StopReason.ContextLength;
}
