using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Environments;

/// <summary>A chat client's messages as ids: by the tokenizer's template, or as plain text; tools by the template where it knows them, else in words.</summary>
internal sealed class ChatPrompt(ITokenizer tokenizer)
{
    private static readonly HermesToolFormat Calls = new();
    private readonly IChatFormat format = ChatFormat.For(tokenizer);

    /// <summary>The tools that the model may call.</summary>
    public static IReadOnlyList<AIFunctionDeclaration> Offered(ChatOptions? options) => options?.Tools is null || options.ToolMode is NoneChatToolMode ? []
        : [.. options.Tools.Select(t => t as AIFunctionDeclaration
            ?? throw new NotSupportedException($"The tool '{t.Name}' ({t.GetType().Name}) is not a function: a model carries out no tools of its own. Give an AIFunction."))];

    public int[] Encode(IEnumerable<ChatMessage> messages, ChatOptions? options)
    {
        var all = messages.ToArray();
        if (all.Length == 0)
        {
            throw new ArgumentException("There are no messages to answer to.", nameof(messages));
        }

        if (all.SelectMany(m => m.Contents).FirstOrDefault(c => c is DataContent or UriContent) is { } other)
        {
            throw new NotSupportedException($"A message holds {other.GetType().Name}; a language model reads text only.");
        }

        var tools = Offered(options);
        var told = format as TemplateChatFormat;
        if (told is { TellsTools: true } && (tools.Count > 0 || all.Any(UsesTools)))
        {
            var structured = WithSystem(all, SystemText(options, [])).SelectMany(Structured);
            return told.Encode(new JsonArray([.. structured]), tools.Count == 0 ? null : new JsonArray([.. tools.Select(ToolSchema.Of)]));
        }

        Message[] plain = [.. WithSystem(all, SystemText(options, tools)).SelectMany(Plain)];
        return told?.Encode(new JsonArray([.. plain.Select(m => (JsonNode)new JsonObject { ["role"] = m.Role.Value, ["content"] = m.Text })]), null) ?? format.Open(plain, []);
    }

    private static bool UsesTools(ChatMessage message) => message.Contents.Any(c => c is FunctionCallContent or FunctionResultContent);

    private static string SystemText(ChatOptions? options, IReadOnlyList<AIFunctionDeclaration> tools) => string.Join("\n\n", ((string?[])
    [
        options?.Instructions,
        tools.Count > 0 ? Calls.Describe(tools) : null,
        options?.ResponseFormat is not ChatResponseFormatJson json ? null
            : json.Schema is { } schema ? $"Answer with one JSON object and nothing else. Its schema: {schema.GetRawText()}" : "Answer with one JSON object and nothing else.",
    ]).Where(t => !string.IsNullOrEmpty(t)));

    /// <summary>One system message at the beginning: templates take no second one.</summary>
    private static ChatMessage[] WithSystem(ChatMessage[] messages, string more)
    {
        if (more.Length == 0)
        {
            return messages;
        }

        var own = messages[0].Role == ChatRole.System;
        return [new ChatMessage(ChatRole.System, own ? $"{messages[0].Text}\n\n{more}" : more), .. messages.Skip(own ? 1 : 0)];
    }

    private static IEnumerable<JsonNode> Structured(ChatMessage message)
    {
        if (message.Role == ChatRole.Tool)
        {
            return message.Contents.OfType<FunctionResultContent>().Select(r => (JsonNode)new JsonObject { ["role"] = "tool", ["content"] = ResultText(r), ["tool_call_id"] = r.CallId });
        }

        var written = new JsonObject { ["role"] = message.Role.Value, ["content"] = message.Text };
        if (message.Contents.OfType<FunctionCallContent>().ToArray() is { Length: > 0 } calls)
        {
            written["tool_calls"] = new JsonArray([.. calls.Select(c => (JsonNode)new JsonObject
            {
                ["id"] = c.CallId, ["type"] = "function", ["function"] = new JsonObject { ["name"] = c.Name, ["arguments"] = Arguments(c) },
            })]);
        }

        return [written];
    }

    private static IEnumerable<Message> Plain(ChatMessage message) => message.Role == ChatRole.Tool
        ? message.Contents.OfType<FunctionResultContent>().Select(r => new Message(ChatRole.User, $"<tool_response>\n{ResultText(r)}\n</tool_response>"))
        : [new Message(message.Role, message.Text + string.Concat(message.Contents.OfType<FunctionCallContent>().Select(c =>
            $"\n{HermesToolFormat.Open}\n{new JsonObject { ["name"] = c.Name, ["arguments"] = Arguments(c) }.ToJsonString()}\n{HermesToolFormat.Close}")))];

    private static JsonNode Arguments(FunctionCallContent call) =>
        JsonSerializer.SerializeToNode(call.Arguments ?? new Dictionary<string, object?>(), AIJsonUtilities.DefaultOptions)!;

    private static string ResultText(FunctionResultContent result) => result.Result switch
    {
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
        null when result.Exception is { } e => $"error: {e.Message}",
        var other => JsonSerializer.Serialize(other, AIJsonUtilities.DefaultOptions),
    };
}
