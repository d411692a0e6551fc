using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Tests.Models;

namespace RlPrimitives.Tests.Inference;

/// <summary>What a local backend generates: log-probs, independence of the batch, ends.</summary>
public class GenerationTests
{
    private static readonly SamplingOptions Wild = new()
    {
        MaxNewTokens = 12, Temperature = 0.7f, TopK = 40, TopP = 0.9f, MinP = 0.01f, RepetitionPenalty = 1.2f, StopTokenIds = [],
    };

    public static IEnumerable<object[]> Names => ReferenceModel.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Log_probs_of_a_response_are_those_that_generation_reported(string name)
    {
        using var reference = new ReferenceModel(name);
        using var backend = new HuggingFaceBackend(reference.Model, new NumberTokenizer());
        foreach (var options in new[] { new SamplingOptions { MaxNewTokens = 12, StopTokenIds = [] }, Wild, Wild with { Temperature = 1.7f, TopK = 0, RepetitionPenalty = 0.9f }, Wild with { Temperature = 0 } })
        {
            var generated = await backend.GenerateAsync(Requests(reference.Rows, options, seed: 3));
            var scored = await backend.GetLogProbsAsync([.. generated.Select(g => g.PromptIds)], [.. generated.Select(g => g.TokenIds)], options);
            for (var b = 0; b < scored.Length; b++)
            {
                Assert.Equal(12, generated[b].LogProbs.Length);
                for (var t = 0; t < 12; t++)
                {
                    Assert.True(generated[b].LogProbs[t] <= 0);
                    Assert.Equal(generated[b].LogProbs[t], scored[b][t], 1e-4);
                }
            }
        }
    }

    [Fact]
    public async Task Greedy_log_probs_are_those_of_temperature_1()
    {
        using var module = TinyModels.FreshModule();
        var greedy = await module.GenerateAsync("abc", SamplingOptions.Greedy with { MaxNewTokens = 6 });
        var scored = await module.GetLogProbsAsync([greedy.PromptIds], [greedy.TokenIds], new SamplingOptions());
        Assert.Equal(scored[0].Length, greedy.LogProbs.Length);
        for (var t = 0; t < scored[0].Length; t++)
        {
            Assert.Equal(scored[0][t], greedy.LogProbs[t], 1e-4);
        }
    }

    [Theory]
    [InlineData("gpt2_tied")]
    [InlineData("llama_gqa_untied")]
    [InlineData("qwen3_tied")]
    [InlineData("mistral_swa")]
    public async Task A_row_does_not_depend_on_what_else_is_in_the_batch(string name)
    {
        using var reference = new ReferenceModel(name);
        var model = reference.Model;
        var random = new Random(5);
        int[][] prompts = [.. Enumerable.Range(0, 61).Select(_ => Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(model.Config.VocabularySize)).ToArray())];
        GenerationRequest[] requests = [.. prompts.Select((p, i) => new GenerationRequest(
            p, Wild with { MaxNewTokens = 1 + (i % 13) }, RandomStream.For(9, (ulong)i)))];
        var alone = new Generation[requests.Length];
        using (var backend = new HuggingFaceBackend(model, new NumberTokenizer()))
        {
            for (var i = 0; i < requests.Length; i++)
            {
                alone[i] = (await backend.GenerateAsync([requests[i]]))[0];
            }
        }

        foreach (var slots in new[] { 1, 3, 128 })
        {
            using var backend = new HuggingFaceBackend(model, new NumberTokenizer(), slots);
            AssertSame(alone, await backend.GenerateAsync(requests).Ends());
        }
    }

    [Fact]
    public async Task A_row_does_not_depend_on_thread_timing_with_many_concurrent_callers()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 7);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 40).Select(i => new GenerationRequest(
            module.Tokenizer.Encode(new string('x', 1 + (i % 9))), Wild with { MaxNewTokens = 2 + (i % 11) }, RandomStream.For(4, (ulong)i)))];
        var together = await module.GenerateAsync(requests);
        var apart = await Task.WhenAll(requests.Select(r => Task.Run(async () =>
        {
            await Task.Yield();
            return (await module.GenerateAsync([r]))[0];
        }))).Ends();
        AssertSame(together, apart);
    }

    [Fact]
    public async Task Members_of_a_group_that_share_a_prompt_get_what_they_would_get_alone()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 5);
        var prompt = module.Tokenizer.Encode("the same prompt");
        GenerationRequest[] requests = [.. Enumerable.Range(0, 12).Select(i => new GenerationRequest((int[])prompt.Clone(), Wild, RandomStream.For(4, (ulong)i)))];
        var shared = await module.GenerateAsync(requests);
        Assert.True(shared.Select(g => string.Join(',', g.TokenIds)).Distinct().Count() > 6); // each has its own stream
        var alone = new List<Generation>();
        foreach (var request in requests)
        {
            alone.Add((await module.GenerateAsync([request]))[0]);
        }

        AssertSame(alone, shared);
    }

    [Fact]
    public async Task The_same_seed_repeats_the_answers_and_another_seed_does_not()
    {
        using var module = TinyModels.FreshModule();
        using var again = TinyModels.FreshModule();
        module.Seed = again.Seed = 5;
        var options = new SamplingOptions { MaxNewTokens = 10, StopTokenIds = [] };
        string[] prompts = ["a", "a", "bc"];
        var first = await module.GenerateAsync(prompts, options);
        var second = await again.GenerateAsync(prompts, options);
        Assert.Equal(first.SelectMany(g => g.TokenIds), second.SelectMany(g => g.TokenIds));
        Assert.Equal(first.SelectMany(g => g.LogProbs), second.SelectMany(g => g.LogProbs)); // bit for bit
        Assert.NotEqual(first[0].TokenIds, first[1].TokenIds);
        var later = await again.GenerateAsync(prompts, options); // each call has streams of its own
        Assert.NotEqual(first[0].TokenIds, later[0].TokenIds);
    }

    [Fact]
    public async Task A_stop_token_is_among_the_tokens_and_not_in_the_text()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello"), TinyModels.Tokenizer);
        var natural = await module.GenerateAsync("?", SamplingOptions.Greedy);
        Assert.Equal((StopReason.StopToken, "hello"), (natural.StopReason, natural.Text));
        Assert.Equal([.. "hello".Select(c => (int)c), 256], natural.TokenIds);
        Assert.Equal(6, natural.LogProbs.Length);
        var several = await module.GenerateAsync("?", SamplingOptions.Greedy with { StopTokenIds = ['x', 'l', 'o'] });
        Assert.Equal((StopReason.StopToken, "he"), (several.StopReason, several.Text));
        Assert.Equal(['h', 'e', 'l'], several.TokenIds);
    }

    [Fact]
    public async Task Limits_end_a_response_and_say_so()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello", room: 0), TinyModels.Tokenizer);
        var cut = await module.GenerateAsync("?", SamplingOptions.Greedy with { MaxNewTokens = 3 });
        Assert.Equal((StopReason.MaxNewTokens, "hel"), (cut.StopReason, cut.Text));
        var full = await module.GenerateAsync("?", SamplingOptions.Greedy with { StopTokenIds = [] });
        Assert.Equal(StopReason.ContextLength, full.StopReason);
        Assert.Equal(module.Model.Config.ContextLength, full.PromptIds.Length + full.TokenIds.Length);
    }

    [Fact]
    public async Task A_response_that_fills_the_context_says_so_even_where_its_own_limit_falls_on_the_same_token()
    {
        using var module = new InferenceModule(TinyModels.Saying("hello", room: 0), TinyModels.Tokenizer);
        var full = await module.GenerateAsync("?", SamplingOptions.Greedy with { StopTokenIds = [], MaxNewTokens = module.Model.Config.ContextLength - 1 });
        Assert.Equal(module.Model.Config.ContextLength, full.PromptIds.Length + full.TokenIds.Length);
        Assert.Equal(StopReason.ContextLength, full.StopReason); // nothing can continue it
    }

    [Theory]
    [InlineData("one two three", "two", "one ")] // spans tokens
    [InlineData("one two three", "e", "on")]
    [InlineData("one two three", "three", "one two ")]
    [InlineData("aab", "ab", "a")] // its beginning appears before it does
    [InlineData("größer", "ß", "grö")] // two tokens to a character
    [InlineData("größer", "öß", "gr")]
    [InlineData("x😀y", "😀", "x")] // two UTF-16 units
    public async Task A_stop_string_ends_the_response_and_is_not_in_the_text(string says, string stop, string text)
    {
        using var module = new InferenceModule(TinyModels.Saying(says), TinyModels.Tokenizer);
        var generated = await module.GenerateAsync("?", SamplingOptions.Greedy with { StopStrings = ["never", stop] });
        Assert.Equal((StopReason.StopString, text), (generated.StopReason, generated.Text));
        Assert.Equal(TinyModels.Tokenizer.Encode(text + stop), generated.TokenIds);
        Assert.Equal(generated.TokenIds.Length, generated.LogProbs.Length);
    }

    [Fact]
    public async Task Of_two_stop_strings_the_one_that_begins_first_cuts_the_text()
    {
        using var module = new InferenceModule(TinyModels.Saying("abcd"), TinyModels.Tokenizer);
        var generated = await module.GenerateAsync("?", SamplingOptions.Greedy with { StopStrings = ["c", "bc"] });
        Assert.Equal("a", generated.Text);
    }

    [Fact]
    public async Task A_cut_character_becomes_the_replacement_character()
    {
        using var module = new InferenceModule(TinyModels.Saying("aß"), TinyModels.Tokenizer);
        foreach (var stops in new[] { Array.Empty<string>(), ["zz"] })
        {
            var generated = await module.GenerateAsync("?", SamplingOptions.Greedy with { MaxNewTokens = 2, StopStrings = [.. stops] });
            Assert.Equal("a\uFFFD", generated.Text);
            Assert.Equal(2, generated.TokenIds.Length);
        }
    }

    [Fact]
    public void A_stop_string_must_hold_text() =>
        Assert.Throws<ArgumentException>(() => new SamplingOptions { StopStrings = ["a", ""] });

    [Fact]
    public async Task Prompts_that_cannot_be_answered_are_refused_with_a_reason()
    {
        using var module = TinyModels.FreshModule(context: 16);
        Assert.Contains("empty", (await Assert.ThrowsAsync<ArgumentException>(() => Ask([]))).Message, StringComparison.Ordinal);
        Assert.Contains("no room", (await Assert.ThrowsAsync<ArgumentException>(() => Ask(new int[16]))).Message, StringComparison.Ordinal);
        Assert.Contains("17 tokens", (await Assert.ThrowsAsync<ArgumentException>(() => Ask(new int[17]))).Message, StringComparison.Ordinal);
        Assert.Contains("258", (await Assert.ThrowsAsync<ArgumentException>(() => Ask([1, 258]))).Message, StringComparison.Ordinal);
        Assert.Contains("-1", (await Assert.ThrowsAsync<ArgumentException>(() => Ask([1, -1]))).Message, StringComparison.Ordinal);
        Assert.Single((await module.GenerateAsync("still there", SamplingOptions.Greedy with { MaxNewTokens = 1 })).TokenIds);

        Task<IReadOnlyList<Generation>> Ask(int[] ids) => module.GenerateAsync([new GenerationRequest(ids, new SamplingOptions(), default)]);
    }

    [Fact]
    public async Task No_requests_are_no_answers()
    {
        using var module = TinyModels.FreshModule();
        Assert.Empty(await module.GenerateAsync(Array.Empty<GenerationRequest>()));
        Assert.Empty(await module.GetLogProbsAsync([], []));
        Assert.Empty(await module.GetLogitsAsync([]));
    }

    private static GenerationRequest[] Requests(int[][] prompts, SamplingOptions options, ulong seed) =>
        [.. prompts.Select((p, i) => new GenerationRequest(p, options, RandomStream.For(seed, (ulong)i)))];

    private static void AssertSame(IReadOnlyList<Generation> expected, IReadOnlyList<Generation> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].PromptIds, actual[i].PromptIds);
            Assert.Equal(expected[i].TokenIds, actual[i].TokenIds);
            Assert.Equal(expected[i].StopReason, actual[i].StopReason);
            for (var t = 0; t < expected[i].LogProbs.Length; t++)
            {
                Assert.Equal(expected[i].LogProbs[t], actual[i].LogProbs[t], 1e-4);
            }
        }
    }
}
