using System.Text.Json;
using System.Text.Json.Nodes;

namespace RlPrimitives.Inference.Wire;

/// <summary>POST /v1/chat/completions.</summary>
internal sealed record ChatRequest
{
    public required string Model { get; init; }

    public required ChatWireMessage[] Messages { get; init; }

    public int? MaxTokens { get; init; }

    public float? Temperature { get; init; }

    public float? TopP { get; init; }

    public int? TopK { get; init; }

    public float? FrequencyPenalty { get; init; }

    public float? PresencePenalty { get; init; }

    public long? Seed { get; init; }

    public string[]? Stop { get; init; }

    public JsonArray? Tools { get; init; }

    /// <summary>"none", "auto", "required", or an object that names a function.</summary>
    public JsonNode? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public JsonNode? ResponseFormat { get; init; }

    public bool? Stream { get; init; }

    public JsonNode? StreamOptions { get; init; }
}

/// <summary>A message, in requests, answers and (in part) in pieces of a stream.</summary>
internal sealed record ChatWireMessage
{
    public string? Role { get; init; }

    public string? Content { get; init; }

    /// <summary>What a reasoning parser of the server took out of the content.</summary>
    public string? ReasoningContent { get; init; }

    public ChatWireToolCall[]? ToolCalls { get; init; }

    public string? ToolCallId { get; init; }

    public string? Name { get; init; }
}

internal sealed record ChatWireToolCall
{
    public int? Index { get; init; }

    public string? Id { get; init; }

    public string? Type { get; init; }

    public ChatWireFunction? Function { get; init; }
}

/// <summary>The arguments are a text that holds JSON; in a stream they come in pieces.</summary>
internal sealed record ChatWireFunction
{
    public string? Name { get; init; }

    public string? Arguments { get; init; }
}

internal sealed record ChatWireResponse
{
    public string? Id { get; init; }

    public string? Model { get; init; }

    public long? Created { get; init; }

    public ChatWireChoice[]? Choices { get; init; }

    public ChatWireUsage? Usage { get; init; }
}

internal sealed record ChatWireChoice
{
    public ChatWireMessage? Message { get; init; }

    public ChatWireMessage? Delta { get; init; }

    public string? FinishReason { get; init; }
}

internal sealed record ChatWireUsage
{
    public long? PromptTokens { get; init; }

    public long? CompletionTokens { get; init; }

    public long? TotalTokens { get; init; }
}
