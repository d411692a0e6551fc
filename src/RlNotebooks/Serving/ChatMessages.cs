using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace RlNotebooks.Serving;

/// <summary>Between chat completions' messages and those of Microsoft.Extensions.AI.</summary>
internal static class ChatMessages
{
    public static IReadOnlyList<ChatMessage> Read(RequestBody body)
    {
        if (body["messages"] is not { ValueKind: JsonValueKind.Array } list || list.GetArrayLength() == 0)
        {
            throw ServingException.Bad("'messages' must be a list of at least one message.", "messages");
        }

        return [.. list.EnumerateArray().Select(Message)];
    }

    /// <summary>Tools and the form of the answer.</summary>
    public static ChatOptions Options(RequestBody body)
    {
        var options = new ChatOptions { AllowMultipleToolCalls = body["parallel_tool_calls"] is null ? null : body.Flag("parallel_tool_calls") };
        if (body["tools"] is { } tools)
        {
            options.Tools = tools.ValueKind == JsonValueKind.Array ? [.. tools.EnumerateArray().Select(Tool)] : throw RequestBody.Wrong("tools", "a list of functions");
            options.ToolMode = body["tool_choice"] switch
            {
                null => ChatToolMode.Auto,
                { ValueKind: JsonValueKind.String } choice when choice.GetString() is "auto" => ChatToolMode.Auto,
                { ValueKind: JsonValueKind.String } choice when choice.GetString() is "none" => ChatToolMode.None,
                _ => throw ServingException.Bad("'tool_choice' must be \"auto\" or \"none\": the model cannot be made to call a tool.", "tool_choice"),
            };
        }

        if (body["response_format"] is { } format)
        {
            var of = RequestBody.Of(format, "response_format");
            options.ResponseFormat = of.Needed("type") switch
            {
                "text" => null,
                "json_object" => ChatResponseFormat.Json,
                "json_schema" => RequestBody.Of(of["json_schema"] ?? default, "response_format.json_schema")["schema"] is { } schema
                    ? ChatResponseFormat.ForJsonSchema(schema) : throw ServingException.Bad("'response_format.json_schema.schema' is missing.", "response_format"),
                var other => throw ServingException.Bad($"'response_format.type' is '{other}'; there are text, json_object and json_schema.", "response_format"),
            };
        }

        return options;
    }

    /// <summary>A call of a tool; its arguments are a text.</summary>
    /// <param name="call">The call.</param>
    /// <param name="index">Its place in a stream's piece; null outside of streams.</param>
    public static JsonNode Call(FunctionCallContent call, int? index)
    {
        var written = new JsonObject
        {
            ["id"] = call.CallId, ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = JsonSerializer.Serialize(call.Arguments ?? new Dictionary<string, object?>(), ServerJson.Options) },
        };
        if (index is { } at)
        {
            written["index"] = at;
        }

        return written;
    }

    private static ChatMessage Message(JsonElement element)
    {
        var body = RequestBody.Of(element, "messages");
        var text = Content(body);
        switch (body.Needed("role"))
        {
            case "tool":
                return new ChatMessage(ChatRole.Tool, [new FunctionResultContent(body.Needed("tool_call_id"), text)]);
            case "assistant":
                var calls = body["tool_calls"] is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().Select(ReadCall) : [];
                return new ChatMessage(ChatRole.Assistant, [new TextContent(text), .. calls]);
            case "system" or "developer":
                return new ChatMessage(ChatRole.System, text);
            case "user":
                return new ChatMessage(ChatRole.User, text);
            case var other:
                throw ServingException.Bad($"'messages' has the role '{other}'; there are system, developer, user, assistant and tool.", "messages");
        }
    }

    /// <summary>A text, or a list of parts that are texts.</summary>
    private static string Content(RequestBody message) => message["content"] switch
    {
        null => "",
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        { ValueKind: JsonValueKind.Array } parts => string.Concat(parts.EnumerateArray().Select(p => RequestBody.Of(p, "messages.content")).Select(p =>
            p.Text("type") is "text" ? p.Text("text") ?? "" : throw ServingException.Bad($"'messages' holds content of the type '{p.Text("type")}'; the model reads text only.", "messages"))),
        _ => throw RequestBody.Wrong("messages.content", "a text or a list of parts"),
    };

    private static FunctionCallContent ReadCall(JsonElement element)
    {
        var call = RequestBody.Of(element, "messages.tool_calls");
        var function = RequestBody.Of(call["function"] ?? default, "messages.tool_calls.function");
        try
        {
            var arguments = JsonSerializer.Deserialize<Dictionary<string, object?>>(function.Text("arguments") is { Length: > 0 } written ? written : "{}");
            return new FunctionCallContent(call.Text("id") ?? "", function.Needed("name"), arguments);
        }
        catch (JsonException e)
        {
            throw ServingException.Bad($"The arguments of a tool call are not a JSON object: {e.Message}", "messages");
        }
    }

    private static AITool Tool(JsonElement element)
    {
        var tool = RequestBody.Of(element, "tools");
        if (tool.Text("type") is not "function")
        {
            throw ServingException.Bad($"'tools' holds the type '{tool.Text("type")}'; there is function.", "tools");
        }

        var function = RequestBody.Of(tool["function"] ?? default, "tools.function");
        return AIFunctionFactory.CreateDeclaration(function.Needed("name"), function.Text("description") ?? "", function["parameters"] ?? JsonElement.Parse("""{"type": "object", "properties": {}}"""));
    }
}
