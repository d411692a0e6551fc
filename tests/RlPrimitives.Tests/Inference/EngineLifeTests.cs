using RlPrimitives.Inference;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Inference;

/// <summary>Cancellation, failures and the end of an engine: one request's trouble is its own.</summary>
public class EngineLifeTests
{
    private static readonly SamplingOptions Long = new() { MaxNewTokens = 100, StopTokenIds = [] };

    [Fact]
    public async Task Cancelling_one_request_leaves_the_others_right()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 4);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 9).Select(i => Request(module, i))];
        var expected = await module.GenerateAsync(requests);
        for (var round = 0; round < 5; round++)
        {
            using var cancelled = new CancellationTokenSource();
            var seen = 0;
            var stopping = module.GenerateAsync(
                [requests[0] with { OnToken = _ => { if (++seen == 3 + (round * 7)) { cancelled.Cancel(); } } }], cancelled.Token);
            var others = requests.Skip(1).Select(r => module.GenerateAsync([r])).ToArray();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping.Ends());
            var got = await Task.WhenAll(others).Ends();
            Assert.Equal(expected.Skip(1).Select(g => string.Join(' ', g.TokenIds)), got.Select(g => string.Join(' ', g[0].TokenIds)));
        }
    }

    [Fact]
    public async Task A_request_cancelled_before_it_starts_or_while_it_waits_ends()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 1);
        using var before = new CancellationTokenSource();
        await before.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => module.GenerateAsync([Request(module, 0)], before.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => module.GetLogProbsAsync([[1]], [[2]], null, before.Token));
        using var waiting = new CancellationTokenSource();
        var running = module.GenerateAsync([Request(module, 1)]);
        var queued = module.GenerateAsync([Request(module, 2)], waiting.Token);
        await waiting.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => queued.Ends());
        Assert.Equal(100, (await running.Ends())[0].TokenIds.Length);
    }

    [Fact]
    public async Task Disposing_ends_what_is_running_and_what_waits()
    {
        for (var round = 0; round < 5; round++)
        {
            var module = TinyModels.FreshModule(maxConcurrency: 2);
            using var started = new SemaphoreSlim(0);
            var tasks = Enumerable.Range(0, 5).Select(i => (Task)module.GenerateAsync([Request(module, i) with { OnToken = _ => started.Release() }])).ToList();
            await started.WaitAsync();
            tasks.AddRange(Enumerable.Range(0, 5).Select(_ => module.GetLogProbsAsync([[1, 2]], [[3, 4]])));
            module.Dispose();
            foreach (var task in tasks)
            {
                var error = await Record.ExceptionAsync(() => task.Ends());
                Assert.True(error is null or ObjectDisposedException, $"{error}");
            }

            Assert.True(tasks[0].IsFaulted || tasks[0].IsCompletedSuccessfully);
            await Assert.ThrowsAsync<ObjectDisposedException>(() => module.GenerateAsync("x"));
            module.Dispose(); // twice is nothing new
        }
    }

    [Fact]
    public async Task A_listener_that_throws_fails_its_own_request_only()
    {
        using var module = TinyModels.FreshModule();
        var expected = (await module.GenerateAsync([Request(module, 1)]))[0];
        var bad = module.GenerateAsync([Request(module, 0) with { OnToken = _ => throw new FormatException("listener") }]);
        var good = module.GenerateAsync([Request(module, 1)]);
        Assert.Equal("listener", (await Assert.ThrowsAsync<FormatException>(() => bad.Ends())).Message);
        Assert.Equal(expected.TokenIds, (await good.Ends())[0].TokenIds);
    }

    [Fact]
    public async Task An_id_that_the_tokenizer_does_not_know_fails_its_own_request_only()
    {
        // Padded vocabularies are usual: the model can say ids that no text belongs to.
        using var module = new InferenceModule(TinyModels.Fresh(vocabulary: 512), TinyModels.Tokenizer);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var generation = module.GenerateAsync([Request(module, i) with { Options = new SamplingOptions { MaxNewTokens = 3, Temperature = 3, StopTokenIds = [] } }]);
            return (Error: await Record.ExceptionAsync(() => generation.Ends()), Task: generation);
        }));
        Assert.Contains(outcomes, o => o.Error is ArgumentOutOfRangeException);
        Assert.Contains(outcomes, o => o.Error is null);
        Assert.All(outcomes, o => Assert.True(o.Error is null or ArgumentOutOfRangeException, $"{o.Error}"));
    }

    [Fact]
    public async Task Weights_that_are_not_a_number_fail_with_a_reason_and_leave_nothing_behind()
    {
        using var module = TinyModels.FreshModule();
        var expected = (await module.GenerateAsync([Request(module, 0)]))[0];
        var saved = Fill(float.NaN);
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => module.GenerateAsync([Request(module, 4), Request(module, 4)]).Ends());
        Assert.Contains("NaN", error.Message, StringComparison.Ordinal);
        Fill(null, saved);
        var after = await module.GenerateAsync([Request(module, 0), Request(module, 9), Request(module, 9)]); // a short row in a slot that held a long one
        Assert.Equal(expected.TokenIds, after[0].TokenIds);

        float[] Fill(float? value, float[]? values = null)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var weight = module.Model.Parameters.Single(p => p.Name == "model.layers.0.self_attn.v_proj.weight").Parameter;
            var before = weight.data<float>().ToArray();
            weight.copy_(value is { } v ? full(weight.shape, v) : tensor(values!, weight.shape));
            module.Model.MarkChanged();
            return before;
        }
    }

    [Fact]
    public async Task Several_modules_may_share_a_model()
    {
        using var model = TinyModels.Fresh();
        using var first = new HuggingFaceBackend(model, TinyModels.Tokenizer);
        using var second = new HuggingFaceBackend(model, TinyModels.Tokenizer);
        var request = new GenerationRequest([1, 2, 3], Long with { MaxNewTokens = 5 }, RandomStream.For(1));
        for (var round = 0; round < 40; round++)
        {
            model.MarkChanged(); // both renew their copies at once
            var both = await Task.WhenAll(Task.Run(() => first.GenerateAsync([request])), Task.Run(() => second.GenerateAsync([request]))).Ends();
            Assert.Equal(both[0][0].TokenIds, both[1][0].TokenIds);
        }
    }

    private static GenerationRequest Request(InferenceModule module, int i) =>
        new(module.Tokenizer.Encode(new string('p', 1 + (i % 5))), Long, RandomStream.For(8, (ulong)i));
}
