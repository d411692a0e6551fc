namespace RlPrimitives.Inference;

/// <summary>One prompt to answer.</summary>
/// <param name="PromptIds">Its ids, at least one.</param>
/// <param name="Options">How to sample.</param>
/// <param name="Random">The row's own random stream: token t is drawn with its t-th number, whatever else is in the batch.</param>
/// <param name="OnToken">Called on the backend's thread for each token, in order; must return at once. Null for none.</param>
public sealed record GenerationRequest(int[] PromptIds, SamplingOptions Options, RandomStream Random, Action<GeneratedToken>? OnToken = null);

/// <summary>One sampled token as it appears.</summary>
/// <param name="Id">The id.</param>
/// <param name="LogProb">Nats, of the distribution sampled from.</param>
public readonly record struct GeneratedToken(int Id, float LogProb);

/// <summary>What one more token makes of a response.</summary>
/// <param name="Text">The text that is certain now and was not before; empty while a character or a stop string may be unfinished.</param>
/// <param name="Token">The token.</param>
/// <param name="Response">The whole response with the last token; null before.</param>
public sealed record GenerationPiece(string Text, GeneratedToken Token, Generation? Response);

/// <summary>One response.</summary>
/// <param name="PromptIds">The ids answered to.</param>
/// <param name="TokenIds">The sampled ids, a stop token included.</param>
/// <param name="LogProbs">One for each sampled id, nats, of the distribution actually sampled from.</param>
/// <param name="Text">The response as text, without stop token or stop string.</param>
/// <param name="StopReason">Why it ended.</param>
public sealed record Generation(int[] PromptIds, int[] TokenIds, float[] LogProbs, string Text, StopReason StopReason)
{
    /// <summary>Version of the weights that the response was begun with, the oldest that any of its tokens comes from; null where the backend does not say.</summary>
    public long? WeightsVersion { get; init; }
}
