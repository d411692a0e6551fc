using System.ClientModel;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using RlNotebooks.Serving;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Tests;

namespace RlNotebooks.Tests.Serving;

/// <summary>What <c>serve</c> gives: to OpenAI's own client, to this project's, and to whoever asks for what is not there.</summary>
[Collection(ServerUnderTest.Collection)]
public sealed class GenerationServerTests : IAsyncLifetime, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rlnotebooks-chat-").FullName;
    private ServerUnderTest server = null!;
    private HttpClient http = null!;

    public async Task InitializeAsync()
    {
        // The shipped model, with a template that knows tools.
        foreach (var file in Directory.EnumerateFiles(ServerUnderTest.TinyCalc))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "chat_template.jinja"), "{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}");
        server = await ServerUnderTest.StartAsync(folder);
        http = new HttpClient { BaseAddress = new Uri(server.Address) };
        http.DefaultRequestHeaders.Authorization = new("Bearer", ServerUnderTest.Key);
    }

    public void Dispose() => http.Dispose();

    public async Task DisposeAsync()
    {
        await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task OpenAIs_client_gets_chat_completions()
    {
        var client = OpenAIClient();
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("27+58=")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 8, IncludeLogProbabilities = true });
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, answer.FinishReason);
        Assert.True(answer.Content[0].Text.Length >= 2 && answer.Content[0].Text.All(char.IsAsciiDigit), answer.Content[0].Text);
        Assert.Equal((6, answer.Content[0].Text.Length + 1), (answer.Usage.InputTokenCount, answer.Usage.OutputTokenCount));
        Assert.Equal(answer.Usage.OutputTokenCount, answer.ContentTokenLogProbabilities.Count);
        Assert.All(answer.ContentTokenLogProbabilities, p => Assert.InRange(p.LogProbability, -20, 0));
        Assert.Equal(answer.Content[0].Text[..1], answer.ContentTokenLogProbabilities[0].Token);
    }

    [Fact]
    public async Task OpenAIs_client_gets_a_stream()
    {
        var client = OpenAIClient();
        ChatCompletion whole = await client.CompleteChatAsync([new UserChatMessage("27+58=")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 8 });
        var text = new StringBuilder();
        OpenAI.Chat.ChatFinishReason? finished = null;
        ChatTokenUsage? usage = null;
        var updates = 0;
        await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage("27+58=")], new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 8 }))
        {
            updates += update.ContentUpdate.Count;
            text.Append(string.Concat(update.ContentUpdate.Select(c => c.Text)));
            finished ??= update.FinishReason;
            usage ??= update.Usage;
        }

        Assert.Equal(whole.Content[0].Text, text.ToString());
        Assert.True(updates > 1);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.Stop, finished);
        Assert.Equal(whole.Usage.OutputTokenCount, usage!.OutputTokenCount);
    }

    [Fact]
    public async Task Clients_get_calls_of_tools_whole_and_streamed()
    {
        // A model that says this behind a prompt of eight tokens: [calc]hi.
        using var saying = TinyModels.Saying("I ask.<tool_call>{\"name\": \"calc\", \"arguments\": {\"x\": \"1+1\"}}</tool_call>", promptLength: 8);
        var path = Path.Combine(folder, "saying");
        saying.Save(path);
        TinyModels.Tokenizer.Save(path);
        File.Copy(Path.Combine(folder, "chat_template.jinja"), Path.Combine(path, "chat_template.jinja"));
        await using var other = await ServerUnderTest.StartAsync(path);
        var client = new ChatClient("tiny", new ApiKeyCredential(ServerUnderTest.Key), Options(other.Address));
        var options = new ChatCompletionOptions
        {
            Temperature = 0, Tools = { ChatTool.CreateFunctionTool("calc", "computes", BinaryData.FromString("""{"type": "object", "properties": {"x": {"type": "string"}}}""")) },
        };
        ChatCompletion answer = await client.CompleteChatAsync([new UserChatMessage("hi")], options);
        Assert.Equal(OpenAI.Chat.ChatFinishReason.ToolCalls, answer.FinishReason);
        Assert.Equal("I ask.", answer.Content[0].Text);
        var call = Assert.Single(answer.ToolCalls);
        Assert.Equal(("calc", "{\"x\":\"1+1\"}"), (call.FunctionName, call.FunctionArguments.ToString()));

        var (text, arguments, name) = ("", "", "");
        await foreach (var update in client.CompleteChatStreamingAsync([new UserChatMessage("hi")], options))
        {
            text += string.Concat(update.ContentUpdate.Select(c => c.Text));
            arguments += string.Concat(update.ToolCallUpdates.Select(u => u.FunctionArgumentsUpdate.ToString()));
            name += string.Concat(update.ToolCallUpdates.Select(u => u.FunctionName));
        }

        Assert.Equal(("I ask.", "calc", "{\"x\":\"1+1\"}"), (text, name, arguments));

        using var backend = await other.ConnectAsync();
        var own = new ChatOptions { Temperature = 0, Tools = [AIFunctionFactory.Create((string x) => x, "calc", "computes")] };
        var whole = await backend.Chat.GetResponseAsync("hi", own);
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in backend.Chat.GetStreamingResponseAsync("hi", own))
        {
            updates.Add(update);
        }

        foreach (var response in new[] { whole, updates.ToChatResponse() })
        {
            Assert.Equal((Microsoft.Extensions.AI.ChatFinishReason.ToolCalls, "I ask."), (response.FinishReason, response.Text));
            var content = response.Messages.SelectMany(m => m.Contents).OfType<FunctionCallContent>().Single();
            Assert.Equal(("calc", "1+1"), (content.Name, ((JsonElement)content.Arguments!["x"]!).GetString()));
        }
    }

    [Fact]
    public async Task OpenAIs_client_is_told_what_is_wrong()
    {
        var refused = await Assert.ThrowsAsync<ClientResultException>(() => OpenAIClient("gpt-5").CompleteChatAsync([new UserChatMessage("hi")]));
        Assert.Equal(404, refused.Status);
        Assert.Contains("'tiny'", refused.Message, StringComparison.Ordinal);
        var client = new ChatClient("tiny", new ApiKeyCredential("sk-wrong"), Options());
        Assert.Equal(401, (await Assert.ThrowsAsync<ClientResultException>(() => client.CompleteChatAsync([new UserChatMessage("hi")]))).Status);
        var tool = ChatTool.CreateFunctionTool("f", "does", BinaryData.FromString("""{"type": "object", "properties": {}}"""));
        var forced = await Assert.ThrowsAsync<ClientResultException>(() => OpenAIClient().CompleteChatAsync(
            [new UserChatMessage("hi")], new ChatCompletionOptions { Tools = { tool }, ToolChoice = ChatToolChoice.CreateRequiredChoice() }));
        Assert.Contains("tool_choice", forced.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tools_are_told_to_the_model_by_its_template()
    {
        var plain = await PostAsync("tokenize", """{"model": "tiny", "messages": [{"role": "user", "content": [{"type": "text", "text": "1+1="}]}]}""");
        Assert.Equal("1+1=", Text(plain));
        var told = await PostAsync("tokenize", """{"messages": [{"role": "user", "content": "1+1="}], "tools": [{"type": "function", "function": {"name": "calc", "parameters": {"type": "object", "properties": {}}}}]}""");
        Assert.Equal("[calc]1+1=", Text(told));

        static string Text(JsonElement answer) => HuggingFaceTokenizer.FromPretrained(ServerUnderTest.TinyCalc).Decode([.. answer.GetProperty("tokens").EnumerateArray().Select(t => t.GetInt32())]);
    }

    [Fact]
    public async Task The_backends_chat_client_answers_as_a_local_one()
    {
        using var remote = await server.ModuleAsync();
        using var local = await InferenceModule.FromPretrainedAsync(folder);
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 8, Tools = [AIFunctionFactory.Create((string x) => x, "calc")] };
        Microsoft.Extensions.AI.ChatMessage[] messages = [new(ChatRole.System, "1"), new(ChatRole.User, "+1=")];
        var (expected, actual) = (await local.AsChatClient().GetResponseAsync(messages, options), await remote.AsChatClient().GetResponseAsync(messages, options));
        Assert.Equal((expected.Text, expected.FinishReason, expected.Usage!.OutputTokenCount), (actual.Text, actual.FinishReason, actual.Usage!.OutputTokenCount));
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in remote.AsChatClient().GetStreamingResponseAsync(messages, options))
        {
            updates.Add(update);
        }

        Assert.Equal((actual.Text, actual.FinishReason, actual.Usage.TotalTokenCount), (updates.ToChatResponse().Text, updates.ToChatResponse().FinishReason, updates.ToChatResponse().Usage!.TotalTokenCount));
        Assert.Equal("vllm", remote.AsChatClient().GetService<ChatClientMetadata>()!.ProviderName);
        server.Bad.ThenStatus(503);
        Assert.Equal(actual.Text, (await remote.AsChatClient().GetResponseAsync(messages, options)).Text); // retried like everything else
    }

    [Fact]
    public async Task Several_texts_and_several_responses_are_answered_in_order()
    {
        var answer = await PostAsync("v1/completions", """{"model": "tiny", "prompt": ["27+58=", "1+1="], "max_tokens": 8, "n": 2, "seed": 3, "logprobs": 0, "return_token_ids": true}""");
        var choices = answer.GetProperty("choices").EnumerateArray().ToArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(c => c.GetProperty("index").GetInt32()));
        Assert.Equal([6, 6, 4, 4], choices.Select(c => c.GetProperty("prompt_token_ids").GetArrayLength()));
        Assert.All(choices, c => Assert.Equal(c.GetProperty("token_ids").GetArrayLength(), c.GetProperty("logprobs").GetProperty("token_logprobs").GetArrayLength()));
        Assert.Equal(choices.Sum(c => c.GetProperty("token_ids").GetArrayLength()), answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        var again = await PostAsync("v1/completions", """{"model": "tiny", "prompt": ["27+58=", "1+1="], "max_tokens": 8, "n": 2, "seed": 3}""");
        Assert.Equal(choices.Select(c => c.GetProperty("text").GetString()), again.GetProperty("choices").EnumerateArray().Select(c => c.GetProperty("text").GetString()));
    }

    [Theory]
    [InlineData("v1/completions", "not json", 400, "not JSON")]
    [InlineData("v1/completions", "[]", 400, "object")]
    [InlineData("v1/completions", "{}", 400, "'prompt' is missing")]
    [InlineData("v1/completions", """{"prompt": 3}""", 400, "'prompt' must be")]
    [InlineData("v1/completions", """{"prompt": ""}""", 400, "Prompt 0 is empty")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "max_tokens": 1000}""", 400, "maximum context length is 64")]
    [InlineData("v1/completions", """{"prompt": [1, 300]}""", 400, "Token id 300 is out of vocabulary")]
    [InlineData("v1/completions", """{"prompt": [-1]}""", 400, "Token id -1 is out of vocabulary")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "temperature": -1}""", 400, "'temperature' must be")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "top_p": 2}""", 400, "'top_p' must be")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "logit_bias": {"5": 1}}""", 400, "'logit_bias' is not available")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "logprobs": 5}""", 400, "'logprobs' must be 0")]
    [InlineData("v1/completions", """{"prompt": "1+1=", "stop": [""]}""", 400, "empty text")]
    [InlineData("v1/completions", """{"model": "other", "prompt": "1+1="}""", 404, "'other' does not exist")]
    [InlineData("v1/chat/completions", """{"messages": []}""", 400, "at least one message")]
    [InlineData("v1/chat/completions", """{"messages": [{"role": "robot", "content": "x"}]}""", 400, "'robot'")]
    [InlineData("v1/chat/completions", """{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}""", 400, "reads text only")]
    [InlineData("v1/chat/completions", """{"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]}""", 400, "tools.function must be an object")]
    [InlineData("tokenize", "{}", 400, "'prompt' or 'messages'")]
    [InlineData("detokenize", """{"tokens": [999]}""", 400, "999")]
    [InlineData("v1/load_lora_adapter", """{"lora_name": "a", "lora_path": "/no/such/folder"}""", 400, "/no/such/folder")]
    [InlineData("v1/unload_lora_adapter", """{"lora_name": "a"}""", 404, "'a' cannot be found")]
    [InlineData("collective_rpc", """{"method": "os.system"}""", 400, "reload_weights")]
    [InlineData("collective_rpc", """{"method": "reload_weights", "kwargs": {"weights_path": "/no/such/folder"}}""", 400, "/no/such/folder")]
    [InlineData("v1/embeddings", "{}", 404, "There is no POST /v1/embeddings")]
    public async Task What_cannot_be_answered_is_refused_in_OpenAIs_words(string path, string body, int status, string says)
    {
        using var response = await http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        Assert.Equal(status, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("error");
        Assert.Contains(says, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(status, error.GetProperty("code").GetInt32());
        Assert.False(string.IsNullOrEmpty(error.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task A_web_page_cannot_call_it_behind_its_visitors_back()
    {
        using var asText = await http.PostAsync("v1/completions", new StringContent("""{"prompt": "1+1="}"""));
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, asText.StatusCode);
        Assert.Contains("application/json", await asText.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        foreach (var (origin, status) in new[] { ("https://evil.example", HttpStatusCode.Forbidden), ("null", HttpStatusCode.Forbidden), (server.Address.TrimEnd('/'), HttpStatusCode.OK) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "resume");
            request.Headers.Add("Origin", origin);
            using var answer = await http.SendAsync(request);
            Assert.Equal(status, answer.StatusCode);
        }
    }

    [Fact]
    public async Task While_the_model_is_loaded_it_says_so_and_without_one_it_ends()
    {
        await using var missing = await GenerationServer.StartAsync(new ServerOptions(Path.Combine(folder, "none")) { Port = 0 });
        await Assert.ThrowsAsync<DirectoryNotFoundException>(() => missing.Loaded.Ends());
        using var other = new HttpClient { BaseAddress = missing.Address };
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await other.GetAsync("health")).StatusCode);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await other.GetAsync("v1/models")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("health")).StatusCode);
    }

    [Fact]
    public async Task Paused_it_answers_when_it_is_resumed()
    {
        await PostAsync("pause?mode=wait", "{}");
        var asked = PostAsync("v1/completions", """{"prompt": "1+1=", "max_tokens": 2}""");
        await Task.Delay(50);
        Assert.False(asked.IsCompleted);
        await PostAsync("resume", "{}");
        Assert.Single((await asked.Ends()).GetProperty("choices").EnumerateArray());
    }

    [Fact]
    public async Task The_command_refuses_to_be_open_to_others_without_a_key()
    {
        var command = RlNotebooks.Commands.ServeCommand.Create();
        var before = Environment.GetEnvironmentVariable("VLLM_API_KEY");
        Assert.Null(before);
        Assert.Equal(2, await command.Parse([folder, "--host", "0.0.0.0", "--port", "0"]).InvokeAsync());
        Assert.Equal(2, await command.Parse([Path.Combine(folder, "none"), "--port", "0"]).InvokeAsync());
    }

    private static OpenAIClientOptions Options(string address) => new() { Endpoint = new Uri(address + "v1"), RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) };

    private OpenAIClientOptions Options() => Options(server.Address);

    private ChatClient OpenAIClient(string model = "tiny") => new(model, new ApiKeyCredential(ServerUnderTest.Key), Options());

    private async Task<JsonElement> PostAsync(string path, string body)
    {
        using var response = await http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonElement.Parse(text);
    }
}
