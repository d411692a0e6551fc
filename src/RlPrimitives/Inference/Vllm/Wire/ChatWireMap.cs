using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace RlPrimitives.Inference.Wire;

/// <summary>Between Microsoft.Extensions.AI and chat completions.</summary>
internal static class ChatWireMap
{
    public static ChatRequest ToWire(IEnumerable<ChatMessage> messages, ChatOptions? options, string model)
    {
        var all = messages;
        if (options?.Instructions is { Length: > 0 } instructions)
        {
            all = all.Prepend(new ChatMessage(ChatRole.System, instructions));
        }

        var functions = options?.Tools?.OfType<AIFunctionDeclaration>().ToArray() ?? [];
        if (options?.Tools?.FirstOrDefault(t => t is not AIFunctionDeclaration) is { } other)
        {
            throw new NotSupportedException($"The tool '{other.Name}' ({other.GetType().Name}) is not a function: a vLLM server carries out no tools of its own. Give an AIFunction.");
        }

        return new ChatRequest
        {
            Model = model,
            Messages = [.. all.SelectMany(ToWire)],
            MaxTokens = options?.MaxOutputTokens,
            Temperature = options?.Temperature,
            TopP = options?.TopP,
            TopK = options?.TopK,
            FrequencyPenalty = options?.FrequencyPenalty,
            PresencePenalty = options?.PresencePenalty,
            Seed = options?.Seed,
            Stop = options?.StopSequences is { Count: > 0 } stops ? [.. stops] : null,
            Tools = functions.Length == 0 ? null : new JsonArray([.. functions.Select(Tool)]),
            ToolChoice = functions.Length == 0 ? null : options!.ToolMode switch
            {
                null => null,
                NoneChatToolMode => "none",
                RequiredChatToolMode { RequiredFunctionName: { } name } => new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = name } },
                RequiredChatToolMode => "required",
                _ => "auto",
            },
            ParallelToolCalls = functions.Length == 0 ? null : options!.AllowMultipleToolCalls,
            ResponseFormat = options?.ResponseFormat is not ChatResponseFormatJson json ? null
                : json.Schema is not { } schema ? new JsonObject { ["type"] = "json_object" }
                : new JsonObject { ["type"] = "json_schema", ["json_schema"] = new JsonObject { ["name"] = json.SchemaName ?? "answer", ["schema"] = JsonNode.Parse(schema.GetRawText()) } },
        };
    }

    /// <summary>The answer; null where there is none.</summary>
    public static ChatResponse? FromWire(ChatWireResponse response)
    {
        if (response.Choices is not [{ Message: { } said } choice, ..])
        {
            return null;
        }

        var message = new ChatMessage { Role = ChatRole.Assistant, MessageId = response.Id };
        AddText(message.Contents, said);
        foreach (var call in said.ToolCalls ?? [])
        {
            message.Contents.Add(Call(call.Id ?? "", call.Function?.Name ?? "", call.Function?.Arguments ?? ""));
        }

        return new ChatResponse(message)
        {
            ResponseId = response.Id,
            ModelId = response.Model,
            CreatedAt = Created(response),
            FinishReason = FinishReason(choice.FinishReason),
            Usage = Usage(response.Usage),
        };
    }

    /// <summary>A piece of a stream, with its usage and nothing else yet.</summary>
    public static ChatResponseUpdate Update(ChatWireResponse piece)
    {
        var update = new ChatResponseUpdate { Role = ChatRole.Assistant, ResponseId = piece.Id, MessageId = piece.Id, ModelId = piece.Model, CreatedAt = Created(piece) };
        if (Usage(piece.Usage) is { } usage)
        {
            update.Contents.Add(new UsageContent(usage));
        }

        return update;
    }

    public static void AddText(IList<AIContent> contents, ChatWireMessage said)
    {
        if (said.ReasoningContent is { Length: > 0 } reasoning)
        {
            contents.Add(new TextReasoningContent(reasoning));
        }

        if (said.Content is { Length: > 0 } text)
        {
            contents.Add(new TextContent(text));
        }
    }

    public static FunctionCallContent Call(string id, string name, string arguments) => FunctionCallContent.CreateFromParsedArguments(
        arguments, id, name, static text => text.Length == 0 ? null : JsonSerializer.Deserialize<Dictionary<string, object?>>(text));

    public static ChatFinishReason? FinishReason(string? reason) => reason switch
    {
        null => null,
        "stop" => ChatFinishReason.Stop,
        "length" => ChatFinishReason.Length,
        "tool_calls" => ChatFinishReason.ToolCalls,
        "content_filter" => ChatFinishReason.ContentFilter,
        _ => new ChatFinishReason(reason),
    };

    private static DateTimeOffset? Created(ChatWireResponse response) => response.Created is { } seconds ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;

    private static UsageDetails? Usage(ChatWireUsage? usage) => usage is null ? null
        : new UsageDetails { InputTokenCount = usage.PromptTokens, OutputTokenCount = usage.CompletionTokens, TotalTokenCount = usage.TotalTokens };

    private static IEnumerable<ChatWireMessage> ToWire(ChatMessage message)
    {
        if (message.Contents.FirstOrDefault(c => c is DataContent or UriContent) is { } other)
        {
            throw new NotSupportedException($"A message holds {other.GetType().Name}; only text, tool calls and their results are sent.");
        }

        if (message.Role == ChatRole.Tool)
        {
            // One message holds any number of results; there each is one of its own.
            return message.Contents.OfType<FunctionResultContent>().Select(r => new ChatWireMessage
            {
                Role = "tool", ToolCallId = r.CallId, Content = ResultText(r),
            });
        }

        var calls = message.Contents.OfType<FunctionCallContent>().Select(c => new ChatWireToolCall
        {
            Id = c.CallId, Type = "function", Function = new ChatWireFunction { Name = c.Name, Arguments = JsonSerializer.Serialize(c.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions) },
        }).ToArray();
        return [new ChatWireMessage { Role = message.Role.Value, Content = calls.Length > 0 && message.Text.Length == 0 ? null : message.Text, ToolCalls = calls.Length > 0 ? calls : null, Name = message.AuthorName }];
    }

    private static string ResultText(FunctionResultContent result) => result.Result switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
        null when result.Exception is { } e => $"error: {e.Message}",
        var other => JsonSerializer.Serialize(other, AIJsonUtilities.DefaultOptions),
    };

    private static JsonNode Tool(AIFunctionDeclaration function) => new JsonObject
    {
        ["type"] = "function",
        ["function"] = new JsonObject { ["name"] = function.Name, ["description"] = function.Description, ["parameters"] = JsonNode.Parse(function.JsonSchema.GetRawText()) },
    };
}
