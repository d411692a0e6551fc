using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Tests;

namespace RlNotebooks.Tests.Serving;

/// <summary>What the client does on a server's bad days.</summary>
[Collection(ServerUnderTest.Collection)]
public sealed class VllmBackendTests
{
    private static readonly HuggingFaceTokenizer Tokenizer = HuggingFaceTokenizer.FromPretrained(ServerUnderTest.TinyCalc);

    private static readonly SamplingOptions Greedy = SamplingOptions.Greedy with { MaxNewTokens = 8 };

    [Theory]
    [InlineData(429, "0")]
    [InlineData(429, null)]
    [InlineData(503, null)]
    [InlineData(502, "Wed, 21 Oct 2015 07:28:00 GMT")]
    public async Task A_busy_server_is_asked_again(int status, string? retryAfter)
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        var expected = (await module.GenerateAsync("27+58=", Greedy)).TokenIds;
        server.Bad.Requests.Clear();
        server.Bad.ThenStatus(status, retryAfter).ThenStatus(status);
        Assert.Equal(expected, (await module.GenerateAsync("27+58=", Greedy).Ends()).TokenIds);
        Assert.Equal(3, server.Bad.Requests.Count(p => p == "/v1/completions"));
    }

    [Fact]
    public async Task A_lost_connection_is_made_again()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        var expected = (await module.GenerateAsync("27+58=", Greedy)).TokenIds;
        server.Bad.ThenCutAfter(0).ThenCutAfter(50);
        Assert.Equal(expected, (await module.GenerateAsync("27+58=", Greedy).Ends()).TokenIds);
    }

    [Fact]
    public async Task After_its_retries_the_last_failure_is_told()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync(ServerUnderTest.Quick with { MaxRetries = 1 });
        server.Bad.ThenStatus(429).ThenStatus(429).ThenStatus(429);
        var failure = await Assert.ThrowsAsync<VllmException>(() => module.GenerateAsync("27+58=", Greedy).Ends());
        Assert.Equal(HttpStatusCode.TooManyRequests, failure.Status);
        Assert.Contains("busy", failure.Message, StringComparison.Ordinal);
        Assert.Contains(server.Address, failure.Message, StringComparison.Ordinal);
        Assert.Single((await module.GenerateAsync("1+1=", Greedy with { MaxNewTokens = 1 }).Ends()).TokenIds); // the third refusal was retried
    }

    [Fact]
    public async Task A_stream_that_ends_early_is_begun_again_only_where_nothing_was_heard()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        var heard = new List<int>();
        var request = new GenerationRequest(Tokenizer.Encode("27+58="), Greedy, default, t => heard.Add(t.Id));
        server.Bad.ThenHalfClose(0);
        var whole = (await module.GenerateAsync([request]).Ends())[0];
        Assert.Equal(whole.TokenIds, heard);
        heard.Clear();
        server.Bad.ThenHalfClose(1);
        var failure = await Assert.ThrowsAsync<VllmException>(() => module.GenerateAsync([request]).Ends());
        Assert.Contains("1 tokens had come", failure.Message, StringComparison.Ordinal);
        Assert.Single(heard); // never twice
    }

    [Fact]
    public async Task Cancelling_closes_the_request()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        using var cancel = new CancellationTokenSource();
        server.Bad.Arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Bad.ThenHang();
        var asked = module.GenerateAsync("27+58=", Greedy, cancel.Token);
        await server.Bad.Arrived.Task.Ends();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asked.Ends());
        await server.Bad.Abandoned.Task.Ends();
    }

    [Fact]
    public async Task A_slow_answer_ends_at_the_time_limit_and_closes_the_request()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync(ServerUnderTest.Quick with { Timeout = TimeSpan.FromSeconds(1) });
        server.Bad.ThenHang();
        var failure = await Assert.ThrowsAsync<TimeoutException>(() => module.GenerateAsync("27+58=", Greedy).Ends());
        Assert.Contains("VllmOptions.Timeout", failure.Message, StringComparison.Ordinal);
        await server.Bad.Abandoned.Task.Ends();
    }

    [Fact]
    public async Task No_more_requests_are_under_way_than_allowed()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync(ServerUnderTest.Quick with { MaxConcurrency = 3 });
        var all = await module.GenerateAsync([.. Enumerable.Range(10, 24).Select(a => $"{a}+1=")], Greedy).Ends();
        Assert.Equal(24, all.Count);
        Assert.Equal(3, server.Bad.MostRunning);
    }

    [Fact]
    public async Task Requests_are_spread_over_endpoints_and_avoid_one_that_is_ill()
    {
        await using var first = await ServerUnderTest.StartAsync();
        await using var second = await ServerUnderTest.StartAsync();
        using var backend = await VllmBackend.ConnectAsync([first.Address, second.Address], "tiny", ServerUnderTest.Quick);
        using var module = new InferenceModule(backend, Tokenizer);
        await module.GenerateAsync([.. Enumerable.Range(10, 20).Select(a => $"{a}+1=")], Greedy).Ends();
        Assert.InRange(first.Bad.Requests.Count(p => p == "/v1/completions"), 8, 13);
        Assert.InRange(second.Bad.Requests.Count(p => p == "/v1/completions"), 8, 13);

        second.Bad.IsIll = true;
        await UntilAsync(() => !backend.Endpoints[1].IsHealthy);
        second.Bad.Requests.Clear();
        await module.GenerateAsync([.. Enumerable.Range(10, 20).Select(a => $"{a}+1=")], Greedy).Ends();
        Assert.DoesNotContain("/v1/completions", second.Bad.Requests);

        second.Bad.IsIll = false;
        await UntilAsync(() => backend.Endpoints[1].IsHealthy);
        await module.GenerateAsync([.. Enumerable.Range(10, 20).Select(a => $"{a}+1=")], Greedy).Ends();
        Assert.Contains("/v1/completions", second.Bad.Requests);
    }

    [Fact]
    public async Task A_server_that_dies_is_replaced_by_the_others()
    {
        await using var first = await ServerUnderTest.StartAsync();
        var second = await ServerUnderTest.StartAsync();
        using var backend = await VllmBackend.ConnectAsync([first.Address, second.Address], "tiny", ServerUnderTest.Quick);
        using var module = new InferenceModule(backend, Tokenizer);
        await second.DisposeAsync();
        var all = await module.GenerateAsync([.. Enumerable.Range(10, 20).Select(a => $"{a}+1=")], Greedy).Ends();
        Assert.All(all, g => Assert.NotEmpty(g.TokenIds));
        Assert.Equal([true, false], backend.Endpoints.Select(e => e.IsHealthy));
    }

    [Fact]
    public async Task An_answer_to_other_ids_is_refused()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        server.Bad.Rewrite = a => a["choices"]![0]!["prompt_token_ids"]!.AsArray().Insert(0, 1); // a beginning-of-sequence that nobody asked for
        Assert.Contains("other ids", (await Assert.ThrowsAsync<VllmException>(Ask)).Message, StringComparison.Ordinal);
        server.Bad.Rewrite = a => a["choices"]![0]!["token_ids"]!.AsArray().Add(5);
        Assert.Contains("token ids", (await Assert.ThrowsAsync<VllmException>(Ask)).Message, StringComparison.Ordinal);
        server.Bad.Rewrite = a => (a["choices"]![0]!["token_ids"], a["choices"]![0]!["logprobs"]) = ((JsonNode?)null, (JsonNode?)null);
        Assert.Contains("return_token_ids", (await Assert.ThrowsAsync<VllmException>(Ask)).Message, StringComparison.Ordinal);
        server.Bad.Rewrite = a => a["choices"]![0]!["prompt_logprobs"]![3] = new JsonObject { ["7"] = new JsonObject { ["logprob"] = -1 } };
        Assert.Contains("other ids", (await Assert.ThrowsAsync<VllmException>(() => module.GetLogProbsAsync([[1, 2]], [[3, 4]]).Ends())).Message, StringComparison.Ordinal);

        Task Ask() => module.GenerateAsync("27+58=", Greedy).Ends();
    }

    [Fact]
    public async Task A_response_that_the_server_broke_off_is_asked_for_again()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        var broken = 0;
        server.Bad.Rewrite = a => a["choices"]![0]!["finish_reason"] = broken++ == 0 ? "abort" : (string)a["choices"]![0]!["finish_reason"]!;
        Assert.Equal(StopReason.StopToken, (await module.GenerateAsync("27+58=", Greedy).Ends()).StopReason);
        Assert.Equal(2, broken);
    }

    [Fact]
    public async Task Log_probs_before_temperature_and_filters_are_noticed_at_the_start()
    {
        await using var server = await ServerUnderTest.StartAsync();
        server.Bad.Rewrite = a => a["choices"]![0]!["logprobs"]!["token_logprobs"]![0] = -0.7f; // of the only token left by top_k = 1
        using var module = await server.ModuleAsync();
        server.Bad.Rewrite = null;
        Assert.NotEmpty((await module.GenerateAsync("27+58=", Greedy)).Text);
        Assert.NotEmpty((await module.GenerateAsync("27+58=", new SamplingOptions { MaxNewTokens = 2 })).TokenIds); // the model's own distribution
        foreach (var other in new[] { new SamplingOptions { Temperature = 0.7f }, new SamplingOptions { TopK = 5 }, new SamplingOptions { TopP = 0.9f } })
        {
            Assert.Contains("--logprobs-mode processed_logprobs", (await Assert.ThrowsAsync<NotSupportedException>(() => module.GenerateAsync("1+1=", other))).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Every_sampling_parameter_is_said_so_that_no_default_of_the_server_applies()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        await module.GenerateAsync("27+58=", new SamplingOptions { MaxNewTokens = 2 });
        var said = server.Bad.LastBody!;
        foreach (var (name, neutral) in new[] { ("temperature", 1), ("top_p", 1), ("top_k", 0), ("min_p", 0), ("repetition_penalty", 1), ("frequency_penalty", 0), ("presence_penalty", 0) })
        {
            Assert.Equal(neutral, (double)said[name]!);
        }

        Assert.False(said.ContainsKey("ignore_eos")); // the model's own ends
        await module.GenerateAsync("27+58=", new SamplingOptions { MaxNewTokens = 2, StopTokenIds = [5, 6] });
        Assert.True((bool)server.Bad.LastBody!["ignore_eos"]!); // instead of its own
        Assert.Equal([5, 6], server.Bad.LastBody!["stop_token_ids"]!.AsArray().Select(i => (int)i!));
    }

    [Fact]
    public async Task A_model_that_is_not_served_is_refused_at_the_start_with_those_that_are()
    {
        await using var server = await ServerUnderTest.StartAsync();
        var failure = await Assert.ThrowsAsync<VllmException>(() => VllmBackend.ConnectAsync([server.Address], "Qwen/Qwen3", ServerUnderTest.Quick).Ends());
        Assert.Contains("'Qwen/Qwen3'", failure.Message, StringComparison.Ordinal);
        Assert.Contains("'tiny'", failure.Message, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<VllmException>(() => VllmBackend.ConnectAsync([server.Address], "tiny", ServerUnderTest.Quick with { ContextLength = 65 }).Ends());
        Assert.Contains("64 tokens", failure.Message, StringComparison.Ordinal);
        using var shorter = await VllmBackend.ConnectAsync([server.Address + "v1/"], "tiny", ServerUnderTest.Quick with { ContextLength = 16 }); // as OpenAI clients write addresses
        Assert.Equal(16, shorter.ContextLength);
    }

    [Fact]
    public async Task A_server_that_loads_is_waited_for_and_one_that_never_comes_is_not()
    {
        await using var server = await ServerUnderTest.StartAsync();
        server.Bad.IsIll = true;
        var connecting = server.ConnectAsync();
        await Task.Delay(100);
        Assert.False(connecting.IsCompleted);
        server.Bad.IsIll = false;
        (await connecting.Ends()).Dispose();
        var failure = await Assert.ThrowsAsync<TimeoutException>(() =>
            VllmBackend.ConnectAsync(["http://127.0.0.1:9"], "tiny", ServerUnderTest.Quick with { StartTimeout = TimeSpan.FromMilliseconds(100) }).Ends());
        Assert.Contains("127.0.0.1:9", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logits_and_scores_of_other_distributions_are_refused_with_what_there_is()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync();
        var logits = await Assert.ThrowsAsync<NotSupportedException>(() => module.GetLogitsAsync(["1+1="]));
        Assert.Contains("top k", logits.Message, StringComparison.Ordinal);
        Assert.Contains("GetLogProbsAsync", logits.Message, StringComparison.Ordinal);
        var scores = await Assert.ThrowsAsync<NotSupportedException>(() => module.GetLogProbsAsync([[1]], [[2]], new SamplingOptions { Temperature = 0.5f }));
        Assert.Contains("0.5", scores.Message, StringComparison.Ordinal);
        Assert.Contains("no local model", Assert.Throws<InvalidOperationException>(() => module.Model).Message, StringComparison.Ordinal);
        Assert.False(module.HasModel);
    }

    [Fact]
    public async Task The_key_is_sent_and_stands_in_no_message_and_no_text()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await server.ModuleAsync(ServerUnderTest.Quick with { MaxRetries = 0 });
        server.Bad.ThenStatus(500, says: $"the key was {ServerUnderTest.Key}"); // a server that says too much
        var said = (await Assert.ThrowsAsync<VllmException>(() => module.GenerateAsync("1+1=", Greedy).Ends())).ToString();
        Assert.DoesNotContain(ServerUnderTest.Key, said, StringComparison.Ordinal);
        Assert.Contains("the key was [secret]", said, StringComparison.Ordinal);
        Assert.All(server.Bad.Authorizations, a => Assert.Equal($"Bearer {ServerUnderTest.Key}", a));
        Assert.DoesNotContain(ServerUnderTest.Key, ServerUnderTest.Quick.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(ServerUnderTest.Key, JsonSerializer.Serialize(ServerUnderTest.Quick), StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<VllmException>(() => VllmBackend.ConnectAsync([server.Address], "tiny", ServerUnderTest.Quick with { ApiKey = "sk-another" }).Ends());
        Assert.Equal(HttpStatusCode.Unauthorized, refused.Status);
        Assert.DoesNotContain("sk-another", refused.ToString(), StringComparison.Ordinal);
        var inAddress = await Assert.ThrowsAsync<ArgumentException>(() => VllmBackend.ConnectAsync(["http://user:password@host:8000"], "tiny"));
        Assert.DoesNotContain("password@", inAddress.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_folder_the_servers_own_tokenizer_is_asked()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var module = await InferenceModule.FromVllmAsync([server.Address], "tiny", options: ServerUnderTest.Quick);
        Assert.Equal(Tokenizer.Encode("27+58= größer 😀"), module.Tokenizer.Encode("27+58= größer 😀"));
        Assert.Equal("größer 😀", module.Tokenizer.Decode(Tokenizer.Encode("größer 😀")));
        var decoder = module.Tokenizer.CreateStreamingDecoder();
        Assert.Equal("aß😀b", string.Concat(Tokenizer.Encode("aß😀b").Select(decoder.Append)) + decoder.Finish());
        var pieces = new List<string>();
        await foreach (var piece in module.StreamAsync("27+58=", Greedy))
        {
            pieces.Add(piece);
        }

        Assert.Equal((await module.GenerateAsync("27+58=", Greedy)).Text, string.Concat(pieces));
        server.Bad.Requests.Clear();
        module.Tokenizer.Encode("27+58= größer 😀");
        Assert.Empty(server.Bad.Requests); // remembered
    }

    [Fact]
    public async Task One_line_makes_a_module()
    {
        await using var server = await ServerUnderTest.StartAsync(change: o => o with { ApiKey = null });
        using var module = InferenceModule.FromVllm(server.Address, "tiny");
        Assert.Equal(64, module.ContextLength);
        Assert.NotEmpty((await module.GenerateAsync("27+58=", Greedy)).Text);
    }

    [Theory]
    [InlineData("localhost:8000")]
    [InlineData("ftp://host")]
    [InlineData("")]
    public async Task What_is_no_address_is_refused(string address) =>
        Assert.Contains("http://host:8000", (await Assert.ThrowsAsync<ArgumentException>(() => VllmBackend.ConnectAsync([address], "tiny"))).Message, StringComparison.Ordinal);

    private static async Task UntilAsync(Func<bool> holds)
    {
        for (var i = 0; i < 3000 && !holds(); i++)
        {
            await Task.Delay(10);
        }

        Assert.True(holds());
    }
}
