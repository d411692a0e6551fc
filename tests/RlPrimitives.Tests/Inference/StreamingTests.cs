using RlPrimitives.Inference;

namespace RlPrimitives.Tests.Inference;

/// <summary>Responses piece by piece.</summary>
public class StreamingTests
{
    [Theory]
    [InlineData("hello there", "")]
    [InlineData("größer 😀 x", "")]
    [InlineData("hello there", "the")]
    [InlineData("hello there", "zzzz")]
    [InlineData("hello th", "there")] // ends while the beginning of a stop string is held back
    [InlineData("größer 😀 x", "😀 ")]
    [InlineData("ababababc", "abc")]
    public async Task Pieces_put_together_are_the_text(string says, string stop)
    {
        using var module = new InferenceModule(TinyModels.Saying(says), TinyModels.Tokenizer);
        var options = SamplingOptions.Greedy with { StopStrings = stop.Length == 0 ? [] : [stop] };
        var pieces = await PiecesAsync(module, options);
        Assert.Equal((await module.GenerateAsync("?", options)).Text, string.Concat(pieces));
        Assert.DoesNotContain(pieces, p => p.Length == 0 || char.IsLowSurrogate(p[0]) || char.IsHighSurrogate(p[^1]));
        Assert.True(pieces.Count > 1);
    }

    [Fact]
    public async Task A_stop_token_that_is_an_ordinary_token_is_not_streamed()
    {
        using var module = new InferenceModule(TinyModels.Saying("one\ntwo"), TinyModels.Tokenizer);
        Assert.Equal("one", string.Concat(await PiecesAsync(module, SamplingOptions.Greedy with { StopTokenIds = ['\n'] })));
    }

    [Fact]
    public async Task A_character_cut_by_the_limit_is_streamed_as_the_text_has_it()
    {
        using var module = new InferenceModule(TinyModels.Saying("aß"), TinyModels.Tokenizer);
        Assert.Equal("a\uFFFD", string.Concat(await PiecesAsync(module, SamplingOptions.Greedy with { MaxNewTokens = 2 })));
    }

    [Fact]
    public async Task Random_bytes_stream_as_they_are_decoded()
    {
        using var module = TinyModels.FreshModule();
        for (var seed = 0UL; seed < 5; seed++)
        {
            var options = new SamplingOptions { MaxNewTokens = 40, Temperature = 2 };
            using var again = TinyModels.FreshModule();
            var request = new GenerationRequest(module.Tokenizer.Encode("?"), options, RandomStream.For(0, seed + 1));
            var text = (await again.GenerateAsync([request]))[0].Text;
            Assert.Equal(text, string.Concat(await PiecesAsync(module, options))); // the n-th call has the n-th stream
        }
    }

    [Fact]
    public async Task Leaving_the_loop_ends_the_generation_and_the_module_stays_usable()
    {
        using var module = new InferenceModule(TinyModels.Saying(new string('a', 40)), TinyModels.Tokenizer, maxConcurrency: 1);
        await foreach (var piece in module.StreamAsync("?", SamplingOptions.Greedy))
        {
            Assert.Equal("a", piece);
            break;
        }

        Assert.Equal(40, (await module.GenerateAsync("?", SamplingOptions.Greedy).Ends()).Text.Length);
    }

    [Fact]
    public async Task A_cancelled_stream_throws()
    {
        using var module = TinyModels.FreshModule();
        using var cancelled = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in module.StreamAsync("?", new SamplingOptions { MaxNewTokens = 100, StopTokenIds = [] }, cancelled.Token))
            {
                await cancelled.CancelAsync();
            }
        });
    }

    private static async Task<List<string>> PiecesAsync(InferenceModule module, SamplingOptions options)
    {
        var pieces = new List<string>();
        await foreach (var piece in module.StreamAsync("?", options))
        {
            pieces.Add(piece);
        }

        return pieces;
    }
}
