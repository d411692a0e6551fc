using System.Text.Json;

namespace RlPrimitives.Inference.Wire;

/// <summary>POST /v1/completions, tokens in.</summary>
internal sealed record CompletionRequest
{
    public required string Model { get; init; }

    public required int[] Prompt { get; init; }

    public required int MaxTokens { get; init; }

    public float Temperature { get; init; } = 1;

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public float? MinP { get; init; }

    public float? RepetitionPenalty { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? PresencePenalty { get; init; }

    /// <summary>At least 0: vLLM takes 64 bits with a sign.</summary>
    public long? Seed { get; init; }

    public string[]? Stop { get; init; }

    public int[]? StopTokenIds { get; init; }

    public bool? IgnoreEos { get; init; }

    /// <summary>0 is the sampled token's alone.</summary>
    public int? Logprobs { get; init; }

    public int? PromptLogprobs { get; init; }

    public bool? ReturnTokenIds { get; init; }

    public bool? Stream { get; init; }
}

/// <summary>The answer, or one piece of it where it is streamed.</summary>
internal sealed record CompletionResponse
{
    public CompletionChoice[]? Choices { get; init; }
}

internal sealed record CompletionChoice
{
    public string? Text { get; init; }

    public int[]? TokenIds { get; init; }

    public int[]? PromptTokenIds { get; init; }

    public CompletionLogProbs? Logprobs { get; init; }

    public string? FinishReason { get; init; }

    /// <summary>The id or the text that stopped it; absent for the end of sequence.</summary>
    public JsonElement? StopReason { get; init; }

    /// <summary>For each prompt token its log-prob and perhaps others', by id; null for the first.</summary>
    public Dictionary<string, WireLogProb>?[]? PromptLogprobs { get; init; }
}

internal sealed record CompletionLogProbs
{
    public float?[]? TokenLogprobs { get; init; }
}

internal sealed record WireLogProb
{
    public float Logprob { get; init; }
}
