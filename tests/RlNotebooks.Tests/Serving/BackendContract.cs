using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Tests;

namespace RlNotebooks.Tests.Serving;

/// <summary>What every backend promises, on the shipped model: it has a context of 64 and 258 ids, and ends with id 256.</summary>
public abstract class BackendContract : IAsyncLifetime
{
    private const int Context = 64;
    private IInferenceBackend backend = null!;
    private HuggingFaceBackend local = null!;
    private InferenceModule owner = null!;

    protected HuggingFaceTokenizer Tokenizer { get; } = HuggingFaceTokenizer.FromPretrained(ServerUnderTest.TinyCalc);

    /// <summary>The backend under test.</summary>
    protected abstract Task<IInferenceBackend> CreateAsync();

    public virtual async Task InitializeAsync()
    {
        owner = await InferenceModule.FromPretrainedAsync(ServerUnderTest.TinyCalc);
        local = (HuggingFaceBackend)owner.Backend;
        backend = await CreateAsync();
    }

    public virtual Task DisposeAsync()
    {
        backend.Dispose();
        owner.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public void The_context_length_is_the_models() => Assert.Equal(Context, backend.ContextLength);

    [Fact]
    public async Task No_requests_are_no_answers()
    {
        Assert.Empty(await backend.GenerateAsync([]));
        Assert.Empty(await backend.GetLogProbsAsync([], [], new SamplingOptions()));
    }

    [Fact]
    public async Task Greedy_tokens_and_their_log_probs_are_those_of_the_model()
    {
        var requests = Requests(["27+58=", "1+1=", "40+2="], SamplingOptions.Greedy with { MaxNewTokens = 8 });
        var expected = await local.GenerateAsync(requests);
        var actual = await backend.GenerateAsync(requests).Ends();
        for (var i = 0; i < requests.Length; i++)
        {
            Assert.Equal(requests[i].PromptIds, actual[i].PromptIds);
            Assert.Equal(expected[i].TokenIds, actual[i].TokenIds);
            Assert.Equal((expected[i].Text, expected[i].StopReason), (actual[i].Text, actual[i].StopReason));
            Near(expected[i].LogProbs, actual[i].LogProbs);
        }
    }

    [Fact]
    public async Task Answers_come_in_the_order_asked_and_do_not_depend_on_company()
    {
        var options = new SamplingOptions { MaxNewTokens = 8 };
        var requests = Requests([.. Enumerable.Range(10, 20).Select(a => $"{a}+{a}=")], options);
        var together = await backend.GenerateAsync(requests).Ends();
        var alone = (await backend.GenerateAsync([requests[7]]))[0];
        Assert.Equal(requests.Select(r => r.PromptIds), together.Select(g => g.PromptIds));
        Assert.Equal(alone.TokenIds, together[7].TokenIds);
        Assert.Equal(together.SelectMany(g => g.TokenIds), (await backend.GenerateAsync(requests)).SelectMany(g => g.TokenIds)); // the same streams
        var others = requests.Select(r => r with { Random = RandomStream.For(99, r.Random.Stream) }).ToArray();
        Assert.NotEqual(together.SelectMany(g => g.TokenIds), (await backend.GenerateAsync(others)).SelectMany(g => g.TokenIds));
    }

    [Fact]
    public async Task Reported_log_probs_are_of_the_distribution_sampled_from()
    {
        foreach (var options in new[]
        {
            new SamplingOptions { MaxNewTokens = 6, StopTokenIds = [] }, new SamplingOptions { MaxNewTokens = 6, StopTokenIds = [], Temperature = 1.7f },
            new SamplingOptions { MaxNewTokens = 6, StopTokenIds = [], Temperature = 0.7f, TopK = 12, TopP = 0.9f, MinP = 0.01f, RepetitionPenalty = 1.2f },
        })
        {
            var generated = await backend.GenerateAsync(Requests(["27+58=", "9+9="], options)).Ends();
            var scored = await local.GetLogProbsAsync([.. generated.Select(g => g.PromptIds)], [.. generated.Select(g => g.TokenIds)], options);
            for (var i = 0; i < generated.Count; i++)
            {
                Assert.Equal(6, generated[i].TokenIds.Length);
                Near(scored[i], generated[i].LogProbs);
            }
        }
    }

    [Fact]
    public async Task Given_responses_are_scored_as_generation_would_have_reported_them()
    {
        int[][] prompts = [Ids("27+58="), Ids("1+1="), Ids("5+5=")];
        int[][] responses = [[.. Ids("85"), 256], Ids("3"), []];
        var expected = await local.GetLogProbsAsync(prompts, responses, new SamplingOptions());
        var actual = await backend.GetLogProbsAsync(prompts, responses, new SamplingOptions()).Ends();
        Assert.Equal(responses.Select(r => r.Length), actual.Select(p => p.Length));
        for (var i = 0; i < prompts.Length; i++)
        {
            Near(expected[i], actual[i]);
        }
    }

    [Fact]
    public async Task A_response_that_fills_the_context_is_scored()
    {
        int[] full = [.. Enumerable.Range(0, Context).Select(i => (int)'0' + (i % 10))];
        var expected = await local.GetLogProbsAsync([full[..10]], [full[10..]], new SamplingOptions());
        Near(expected[0], (await backend.GetLogProbsAsync([full[..10]], [full[10..]], new SamplingOptions()).Ends())[0]);
    }

    [Fact]
    public async Task Every_end_of_a_response_is_told_apart()
    {
        var greedy = SamplingOptions.Greedy with { MaxNewTokens = 8 };
        var whole = (await backend.GenerateAsync(Requests(["27+58="], greedy)))[0];
        Assert.Equal(StopReason.StopToken, whole.StopReason);
        Assert.Equal(256, whole.TokenIds[^1]);
        Assert.True(whole.Text.Length >= 2 && whole.Text.All(char.IsAsciiDigit), whole.Text);
        var cut = (await backend.GenerateAsync(Requests(["27+58="], greedy with { MaxNewTokens = 1 })))[0];
        Assert.Equal((StopReason.MaxNewTokens, whole.Text[..1]), (cut.StopReason, cut.Text));
        var text = (await backend.GenerateAsync(Requests(["27+58="], greedy with { StopStrings = ["never", whole.Text[1..2]] })))[0];
        Assert.Equal((StopReason.StopString, whole.Text[..1]), (text.StopReason, text.Text));
        Assert.Equal(whole.TokenIds[..2], text.TokenIds);
        var id = (await backend.GenerateAsync(Requests(["27+58="], greedy with { StopTokenIds = [whole.TokenIds[1]] })))[0];
        Assert.Equal((StopReason.StopToken, whole.Text[..1]), (id.StopReason, id.Text));
        var full = (await backend.GenerateAsync(Requests(["27+58="], greedy with { StopTokenIds = [], MaxNewTokens = 1000 })))[0];
        Assert.Equal((StopReason.ContextLength, Context), (full.StopReason, full.PromptIds.Length + full.TokenIds.Length));
    }

    [Fact]
    public async Task Prompts_that_cannot_be_answered_are_refused_with_a_reason()
    {
        Assert.Contains("empty", (await Refused([])).Message, StringComparison.Ordinal);
        Assert.Contains("no room", (await Refused(new int[Context])).Message, StringComparison.Ordinal);
        Assert.Contains("65 tokens", (await Refused(new int[Context + 1])).Message, StringComparison.Ordinal);
        Assert.Contains("258", (await Refused([1, 258])).Message, StringComparison.Ordinal);
        Assert.Contains("2 prompts but 1", (await Assert.ThrowsAsync<ArgumentException>(() => backend.GetLogProbsAsync([[1], [2]], [[3]], new()))).Message, StringComparison.Ordinal);
        Assert.Contains("empty", (await Assert.ThrowsAsync<ArgumentException>(() => backend.GetLogProbsAsync([[]], [[3]], new()))).Message, StringComparison.Ordinal);
        Assert.Contains("context", (await Assert.ThrowsAsync<ArgumentException>(() => backend.GetLogProbsAsync([new int[40]], [new int[25]], new()))).Message, StringComparison.Ordinal);
        Assert.Single((await backend.GenerateAsync(Requests(["1+1="], SamplingOptions.Greedy with { MaxNewTokens = 1 })))[0].TokenIds); // it lives on

        Task<ArgumentException> Refused(int[] ids) => Assert.ThrowsAsync<ArgumentException>(() => backend.GenerateAsync([new GenerationRequest(ids, new SamplingOptions(), default)]).Ends());
    }

    [Fact]
    public async Task Tokens_are_told_as_they_come_and_are_those_of_the_response()
    {
        var told = new List<GeneratedToken>();
        var request = Requests(["27+58="], new SamplingOptions { MaxNewTokens = 8 })[0] with { OnToken = told.Add };
        var response = (await backend.GenerateAsync([request]).Ends())[0];
        Assert.Equal(response.TokenIds, told.Select(t => t.Id));
        Assert.Equal(response.LogProbs, told.Select(t => t.LogProb));
        Assert.Equal((await backend.GenerateAsync([request with { OnToken = null }]))[0].TokenIds, response.TokenIds);
    }

    [Fact]
    public async Task A_module_streams_the_text_of_its_response()
    {
        using var module = new InferenceModule(await CreateAsync(), Tokenizer);
        var pieces = new List<string>();
        await foreach (var piece in module.StreamAsync("27+58=", SamplingOptions.Greedy with { MaxNewTokens = 8 }))
        {
            pieces.Add(piece);
        }

        Assert.Equal((await module.GenerateAsync("27+58=", SamplingOptions.Greedy with { MaxNewTokens = 8 })).Text, string.Concat(pieces));
        Assert.True(pieces.Count > 1);
    }

    [Fact]
    public async Task A_cancelled_call_ends_as_cancelled()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => backend.GenerateAsync(Requests(["1+1="], new SamplingOptions()), cancelled.Token).Ends());
    }

    [Fact]
    public async Task After_its_end_a_backend_answers_nobody()
    {
        var ended = await CreateAsync();
        ended.Dispose();
        ended.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ended.GenerateAsync(Requests(["1+1="], new SamplingOptions())).Ends());
    }

    protected GenerationRequest[] Requests(string[] prompts, SamplingOptions options) =>
        [.. prompts.Select((p, i) => new GenerationRequest(Ids(p), options, RandomStream.For(5, (ulong)i)))];

    protected int[] Ids(string text) => Tokenizer.Encode(text);

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var t = 0; t < expected.Length; t++)
        {
            Assert.Equal(expected[t], actual[t], 1e-3);
        }
    }
}
