using System.Text.Json;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests.Environments;

/// <summary>A model as a chat client.</summary>
public class InferenceChatTests
{
    private static readonly AITool Weather = AIFunctionFactory.Create((string city) => $"sunny in {city}", "weather", "The weather of a city.");

    [Fact]
    public async Task Messages_are_written_as_text_where_there_is_no_template_and_usage_counts_tokens()
    {
        var backend = new ScriptedBackend(_ => "hello there", TinyModels.Tokenizer);
        using var module = new InferenceModule(backend, TinyModels.Tokenizer);
        var response = await module.AsChatClient().GetResponseAsync([new(ChatRole.System, "Be kind."), new(ChatRole.User, "Hi")]);
        Assert.Equal("hello there", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal("Be kind.\nUser: Hi\nAssistant: ", TinyModels.Tokenizer.Decode(backend.Requests.Single().PromptIds));
        Assert.Equal((backend.Requests.Single().PromptIds.Length, 12L), (response.Usage!.InputTokenCount, response.Usage.OutputTokenCount));
        var generation = Assert.IsType<Generation>(response.RawRepresentation);
        Assert.Equal(12, generation.LogProbs.Length);
    }

    [Fact]
    public async Task Options_say_how_to_sample_and_what_cannot_be_obeyed_is_refused()
    {
        var backend = new ScriptedBackend(_ => "one two three", TinyModels.Tokenizer);
        using var module = new InferenceModule(backend, TinyModels.Tokenizer);
        var client = module.AsChatClient(new SamplingOptions { MaxNewTokens = 99, MinP = 0.1f });
        var options = new ChatOptions { Temperature = 0.5f, TopP = 0.9f, TopK = 7, MaxOutputTokens = 5, StopSequences = ["tw"], Seed = 3 };
        var first = await client.GetResponseAsync("x", options);
        Assert.Equal((ChatFinishReason.Length, "one t"), (first.FinishReason, first.Text));
        var asked = backend.Requests.First();
        Assert.Equal((0.5f, 0.9f, 7, 5, 0.1f), (asked.Options.Temperature, asked.Options.TopP, asked.Options.TopK, asked.Options.MaxNewTokens, asked.Options.MinP));
        Assert.Equal(RandomStream.For(3), asked.Random);
        options.MaxOutputTokens = null;
        Assert.Equal((ChatFinishReason.Stop, "one "), ((await client.GetResponseAsync("x", options)).FinishReason, (await client.GetResponseAsync("x", options)).Text));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync("x", new ChatOptions { PresencePenalty = 1 }));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync("x", new ChatOptions { Tools = [Weather], ToolMode = ChatToolMode.RequireAny }));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync("x", new ChatOptions { Tools = [new HostedWebSearchTool()] }));
        await Assert.ThrowsAsync<NotSupportedException>(() => client.GetResponseAsync([new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")])]));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetResponseAsync(Array.Empty<ChatMessage>()));
    }

    [Fact]
    public async Task A_stream_says_the_same_as_the_whole()
    {
        using var module = TinyModels.FreshModule(context: 512);
        var client = module.AsChatClient(new SamplingOptions { MaxNewTokens = 30 });
        var options = new ChatOptions { Seed = 4 };
        var whole = await client.GetResponseAsync("tell me", options);
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync([new ChatMessage(ChatRole.User, "tell me")], options))
        {
            updates.Add(update);
        }

        var streamed = updates.ToChatResponse();
        Assert.Equal(whole.Text, streamed.Text);
        Assert.Equal((whole.FinishReason, whole.Usage!.OutputTokenCount), (streamed.FinishReason, streamed.Usage!.OutputTokenCount));
        Assert.True(updates.Count > 5);
        Assert.Equal(((Generation)whole.RawRepresentation!).TokenIds, updates.Select(u => ((GenerationPiece)u.RawRepresentation!).Token.Id));
        Assert.Single(streamed.Messages);
    }

    [Fact]
    public async Task Calls_of_tools_are_read_and_their_results_go_back()
    {
        var prompts = new List<string>();
        using var module = ScriptedBackend.Module(prompt =>
        {
            prompts.Add(prompt);
            return prompt.Contains("<tool_response>", StringComparison.Ordinal) ? "It is sunny."
                : "Let me look.\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>";
        });
        var client = module.AsChatClient();
        List<ChatMessage> messages = [new(ChatRole.User, "The weather in Rome?")];
        var options = new ChatOptions { Tools = [Weather] };
        var asked = await client.GetResponseAsync(messages, options);
        Assert.Equal((ChatFinishReason.ToolCalls, "Let me look."), (asked.FinishReason, asked.Text));
        var call = asked.Messages[0].Contents.OfType<FunctionCallContent>().Single();
        Assert.Equal(("weather", "Rome"), (call.Name, ((JsonElement)call.Arguments!["city"]!).GetString()));
        Assert.Contains("The weather of a city.", prompts[0], StringComparison.Ordinal);

        messages.AddRange(asked.Messages);
        messages.Add(new ChatMessage(ChatRole.Tool, [new FunctionResultContent(call.CallId, "sunny in Rome")]));
        Assert.Equal("It is sunny.", (await client.GetResponseAsync(messages, options)).Text);
        Assert.Contains("<tool_call>\n{\"name\":\"weather\",\"arguments\":{\"city\":\"Rome\"}}\n</tool_call>", prompts[1], StringComparison.Ordinal);
        Assert.Contains("<tool_response>\nsunny in Rome\n</tool_response>", prompts[1], StringComparison.Ordinal);

        var none = await client.GetResponseAsync("The weather in Rome?", new ChatOptions { Tools = [Weather], ToolMode = ChatToolMode.None });
        Assert.Empty(none.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.DoesNotContain("The weather of a city.", prompts[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Say <b>it</b> <tool", "Say <b>it</b> <tool", 0)]
    [InlineData("Look.\n<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"a\"}}</tool_call><tool_call>{\"name\": \"weather\", \"arguments\": {}}</tool_call>", "Look.", 2)]
    [InlineData("<tool_call>{\"name\": \"weather\"}</tool_call>", "", 1)]
    [InlineData("Hm <tool_call>{broken</tool_call>", "Hm <tool_call>{broken</tool_call>", 0)]
    public async Task What_looks_like_a_call_is_held_back_until_it_is_known(string said, string text, int calls)
    {
        // One byte a token, as a real backend tells them; the model's positions say them whatever the prompt is.
        var request = new ChatOptions { Tools = [Weather], Temperature = 0 };
        ChatMessage[] messages = [new(ChatRole.User, "The weather?")];
        using var sized = ScriptedBackend.Module(_ => "");
        using var fitting = new InferenceModule(TinyModels.Saying(said, sized.EncodeChat(messages, request).Length), TinyModels.Tokenizer);
        var client = fitting.AsChatClient();
        var whole = await client.GetResponseAsync(messages, request);
        var pieces = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync(messages, request))
        {
            pieces.Add(update);
        }

        var streamed = pieces.ToChatResponse();
        Assert.Equal((text, text), (whole.Text, streamed.Text));
        Assert.Equal((calls, calls), (Calls(whole), Calls(streamed)));

        static int Calls(ChatResponse response) => response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Count();
    }

    [Fact]
    public async Task A_template_that_knows_tools_is_given_them_and_the_calls()
    {
        const string template = """
            {%- for t in tools or [] %}T:{{ t.function.name }};{% endfor -%}
            {%- for m in messages %}<{{ m.role }}>{{ m.content }}{%- for c in m.tool_calls or [] %}C:{{ c.function.name }}({{ c.function.arguments.city }}){% endfor -%}{% endfor -%}
            {%- if add_generation_prompt %}<assistant>{% endif -%}
            """;
        using var folder = new Models.TemporaryFolder();
        var path = folder.Path;
        TinyModels.Tokenizer.Save(path);
        await File.WriteAllTextAsync(Path.Combine(path, "chat_template.jinja"), template);
        var tokenizer = HuggingFaceTokenizer.FromPretrained(path);
        using var module = ScriptedBackend.Module(_ => "ok", tokenizer);
        ChatMessage[] messages =
        [
            new(ChatRole.User, "W?"), new(ChatRole.Assistant, [new FunctionCallContent("c1", "weather", new Dictionary<string, object?> { ["city"] = "Rome" })]),
            new(ChatRole.Tool, [new FunctionResultContent("c1", JsonElement.Parse("\"sunny\""))]),
        ];
        Assert.Equal("T:weather;<user>W?<assistant>C:weather(Rome)<tool>sunny<assistant>", tokenizer.Decode(module.EncodeChat(messages, new ChatOptions { Tools = [Weather] })));
        Assert.Equal("<system>Answer with one JSON object and nothing else.<user>W?<assistant>", tokenizer.Decode(module.EncodeChat(messages[..1], new ChatOptions { ResponseFormat = ChatResponseFormat.Json })));
    }

    [Fact]
    public async Task A_model_is_a_partner_in_a_conversation()
    {
        using var module = ScriptedBackend.Module(prompt => prompt.Contains("You are curious", StringComparison.Ordinal) ? "and why? [END]" : "because");
        var environment = new ConversationEnvironment(module, [new Problem("p", "Why is the sky blue?", "")], new ChatClientPartner(module.AsChatClient(), "You are curious"));
        var state = await environment.StepAsync(environment.Reset(environment.Problems[0]));
        Assert.True(state.IsTerminated); // the partner said [END]
        Assert.Equal("because", state.Turns[0].Text);
    }

    [Fact]
    public void The_client_tells_what_it_is()
    {
        using var module = ScriptedBackend.Module(_ => "x");
        var client = module.AsChatClient();
        Assert.Same(module, client.GetService(typeof(InferenceModule)));
        Assert.Same(client, client.GetService(typeof(IChatClient)));
        Assert.Equal("rlprimitives", client.GetService<ChatClientMetadata>()!.ProviderName);
        Assert.Null(client.GetService(typeof(string)));
    }
}
