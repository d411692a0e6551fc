namespace RlPrimitives.Inference;

/// <summary>Why a generation ended.</summary>
public enum StopReason
{
    /// <summary>A stop token (usually end of sequence) was sampled; it is part of the tokens, not of the text.</summary>
    StopToken,

    /// <summary>A stop string appeared; the tokens that spell it are part of the tokens, not of the text.</summary>
    StopString,

    /// <summary>The limit of new tokens was reached: the response is truncated.</summary>
    MaxNewTokens,

    /// <summary>The model's context was full: the response is truncated.</summary>
    ContextLength,
}
