using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Rollouts;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Inference;

/// <summary>A prompt that continues a finished conversation computes only what is new of it, and nobody can tell but by the time.</summary>
public class ConversationCacheTests
{
    private const int BytesPerToken = 2 * 2 * 2 * 8 * 4; // of TinyModels.Fresh: keys and values, 2 layers, 2 heads of 8 floats
    private static readonly SamplingOptions Short = new() { MaxNewTokens = 6, Temperature = 0.9f, StopTokenIds = [] };
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 6).Select(i => new Problem($"p{i}", new string('q', 1 + (2 * i)), ""))];

    [Theory]
    [InlineData(ModelFamily.Llama, null)]
    [InlineData(ModelFamily.Qwen3, null)]
    [InlineData(ModelFamily.Mistral, 9)]
    [InlineData(ModelFamily.Gpt2, null)]
    public async Task A_continued_conversation_equals_one_computed_afresh(ModelFamily family, int? window)
    {
        using var cached = Module(family, window);
        using var afresh = Module(family, window, conversationBytes: 0);
        var results = new List<RolloutBatch>();
        foreach (var module in new[] { cached, afresh })
        {
            results.Add(await new RolloutManager(new Talking(module, Problems, Short), new RolloutConfig { GroupSize = 2, MaxSteps = 4, Seed = 1 }).CollectAsync(Problems).Ends());
        }

        Assert.Equal(RolloutManagerTests.Tokens(results[1].Trajectories), RolloutManagerTests.Tokens(results[0].Trajectories));
        Assert.All(LogProbs(results[0]).Zip(LogProbs(results[1])), p => Assert.Equal(p.First, p.Second, 1e-4));

        // Of every further turn only the last token drawn and the observation are new.
        var turns = results[0].Trajectories.SelectMany(t => t.Turns.Skip(1).Zip(t.Turns)).ToArray();
        var kept = turns.Sum(p => (long)p.Second.PromptIds.Length + p.Second.TokenIds.Length - 1);
        var shared = Problems.Sum(p => (long)p.Prompt.Length); // by the second member of a group
        Assert.Equal(kept + shared, cached.Backend.Activity!.Value.ReusedTokens);
        Assert.Equal(shared + turns.Sum(p => (long)p.First.PromptIds.Length) - kept, cached.Backend.Activity.Value.PrefillTokens);
        Assert.Equal(shared, afresh.Backend.Activity!.Value.ReusedTokens);
    }

    [Fact]
    public async Task Whether_the_module_is_new_used_or_short_of_slots_changes_no_bit()
    {
        string? expected = null;
        foreach (var (slots, used) in new[] { (128, false), (128, true), (128, true) })
        {
            using var module = Module(slots: slots);
            if (used)
            {
                await module.GenerateAsync(Enumerable.Range(0, 30).Select(i => new string('z', 1 + i)).ToArray(), Short);
                await Collect(module, seed: 3); // and as many conversations of another run, some of them equal
                await Collect(module, seed: 2, steps: 2);
            }

            var bits = RolloutManagerTests.Bits((await Collect(module, seed: 2)).Trajectories);
            Assert.Equal(expected ??= bits, bits);
        }
    }

    [Fact]
    public async Task Conversations_without_a_slot_are_set_aside_and_found_again()
    {
        using var roomy = Module();
        using var tight = Module(slots: 3); // 12 conversations take turns in 3 slots
        var (expected, got) = (await Collect(roomy, seed: 2), await Collect(tight, seed: 2));
        Assert.Equal(RolloutManagerTests.Tokens(expected.Trajectories), RolloutManagerTests.Tokens(got.Trajectories));
        Assert.All(LogProbs(expected).Zip(LogProbs(got)), p => Assert.Equal(p.First, p.Second, 1e-4));
        Assert.Equal(Reused(expected), Reused(got) + Shared(expected) - Shared(got));
        Assert.Equal(RolloutManagerTests.Bits(got.Trajectories), RolloutManagerTests.Bits((await Collect(tight, seed: 2)).Trajectories));

        static long Reused(RolloutBatch batch) => batch.Timings.Decoding!.Value.ReusedTokens;
        static long Shared(RolloutBatch batch) => Reused(batch) - batch.Trajectories.Sum(t => t.Turns.SkipLast(1).Sum(turn => (long)turn.PromptIds.Length + turn.TokenIds.Length - 1));
    }

    [Fact]
    public async Task Beyond_the_budget_the_oldest_are_forgotten_and_the_run_still_repeats()
    {
        var bits = new List<string>();
        var reused = new List<long>();
        foreach (var (tokens, used) in new[] { (100, false), (100, true), (1000, false) })
        {
            using var module = Module(conversationBytes: tokens * BytesPerToken);
            if (used)
            {
                await Collect(module, seed: 5);
            }

            var environment = new TwoMinded(module, Problems, Short);
            var batch = await new RolloutManager(environment, new RolloutConfig { GroupSize = 2, MaxSteps = 6, Seed = 2 }).CollectAsync(Problems).Ends();
            reused.Add(batch.Timings.Decoding!.Value.ReusedTokens);
            bits.Add(RolloutManagerTests.Bits(batch.Trajectories));
            Assert.All(batch.Trajectories, t => Assert.Equal(6, t.Turns.Length));
        }

        var shared = Problems.Sum(p => 2L * (p.Prompt.Length + 1)); // by the second member of a group, at the first turn of either conversation
        Assert.Equal(reused[0], reused[1]);
        Assert.InRange(reused[0], shared + 1, reused[2] - 100); // some, not all
        Assert.Equal(bits[0], bits[1]);
    }

    [Fact]
    public async Task Other_weights_find_nothing_of_what_the_old_ones_computed()
    {
        using var module = Module();
        using var afresh = Module(conversationBytes: 0);
        var first = await Ask(module, [1, 2, 3]);
        int[] prompt = [.. first.PromptIds, .. first.TokenIds, 7];
        foreach (var m in new[] { module, afresh })
        {
            await m.Model.Executor.RunAsync(() =>
            {
                using var scope = NewDisposeScope();
                using var _ = no_grad();
                foreach (var (_, parameter) in m.Model.Parameters)
                {
                    parameter.mul_(1.1);
                }

                m.Model.MarkChanged();
                return 0;
            });
        }

        var (got, expected) = (await Ask(module, prompt), await Ask(afresh, prompt));
        Assert.Equal(0, module.Backend.Activity!.Value.ReusedTokens);
        Assert.Equal(expected.TokenIds, got.TokenIds);
        Assert.All(expected.LogProbs.Zip(got.LogProbs), p => Assert.Equal(p.First, p.Second, 1e-4));
        Assert.Equal(module.Model.Version, got.WeightsVersion);
        Assert.Equal(first.WeightsVersion + 1, got.WeightsVersion);
    }

    [Fact]
    public async Task A_prompt_that_differs_in_one_token_is_computed_afresh()
    {
        using var module = Module();
        using var afresh = Module(conversationBytes: 0);
        for (var changed = 0; changed < 9; changed++)
        {
            var first = await Ask(module, [1, 2, 3]);
            int[] prompt = [.. first.PromptIds, .. first.TokenIds, 7];
            prompt[changed] ^= 1;
            var before = module.Backend.Activity!.Value.ReusedTokens;
            var (got, expected) = (await Ask(module, prompt), await Ask(afresh, prompt));
            Assert.Equal(0, module.Backend.Activity!.Value.ReusedTokens - before);
            Assert.Equal(expected.TokenIds, got.TokenIds);
        }
    }

    [Fact]
    public async Task Several_requests_may_continue_one_conversation_at_once()
    {
        using var module = Module();
        using var afresh = Module(conversationBytes: 0);
        var first = await Ask(module, [1, 2, 3]);
        int[] prompt = [.. first.PromptIds, .. first.TokenIds];
        GenerationRequest[] branches = [.. Enumerable.Range(0, 5).Select(i => new GenerationRequest([.. prompt, .. Enumerable.Range(0, i)], Short, RandomStream.For(9, (ulong)i)))];
        var (got, expected) = (await module.GenerateAsync(branches).Ends(), await afresh.GenerateAsync(branches).Ends());
        Assert.Equal(5 * (prompt.Length - 1), module.Backend.Activity!.Value.ReusedTokens);
        Assert.Equal(expected.Select(g => string.Join(' ', g.TokenIds)), got.Select(g => string.Join(' ', g.TokenIds)));
        Assert.All(expected.Zip(got).SelectMany(p => p.First.LogProbs.Zip(p.Second.LogProbs)), p => Assert.Equal(p.First, p.Second, 1e-4));
    }

    [Fact]
    public async Task A_chat_outside_of_rollouts_is_continued_too()
    {
        using var module = Module();
        using var afresh = Module(conversationBytes: 0);
        int[] conversation = [1, 2, 3];
        for (var turn = 0; turn < 5; turn++)
        {
            var (got, expected) = (await Ask(module, conversation), await Ask(afresh, conversation));
            Assert.Equal(expected.TokenIds, got.TokenIds);
            conversation = [.. got.PromptIds, .. got.TokenIds, 5, 6];
        }

        Assert.True(module.Backend.Activity!.Value.PrefillTokens < 20, $"{module.Backend.Activity}");
    }

    [Fact]
    public async Task A_model_of_another_precision_continues_conversations_as_well()
    {
        using var model = TinyModels.Fresh();
        using var folder = new RlPrimitives.Tests.Models.TemporaryFolder();
        model.Save(folder.Path);
        using var wide = CausalLM.FromPretrained(folder.Path, null, ScalarType.Float64);
        using var cached = new InferenceModule(new HuggingFaceBackend(wide, TinyModels.Tokenizer, 5), TinyModels.Tokenizer);
        using var afresh = new InferenceModule(new HuggingFaceBackend(wide, TinyModels.Tokenizer, 128, conversationBytes: 0), TinyModels.Tokenizer);
        Assert.Equal(RolloutManagerTests.Tokens((await Collect(afresh, 2)).Trajectories), RolloutManagerTests.Tokens((await Collect(cached, 2)).Trajectories));
        Assert.True(cached.Backend.Activity!.Value.ReusedTokens > afresh.Backend.Activity!.Value.ReusedTokens);
    }

    [Fact]
    public async Task Long_limits_take_no_memory_before_they_are_needed()
    {
        using var model = TinyModels.Fresh(context: 1 << 20);
        using var module = new InferenceModule(model, TinyModels.Tokenizer);
        var generated = await module.GenerateAsync(Enumerable.Range(0, 64).Select(i => "a").ToArray(), new SamplingOptions { MaxNewTokens = 1 << 19, Temperature = 3 }).Ends();
        Assert.All(generated, g => Assert.Equal(StopReason.StopToken, g.StopReason)); // 64 × 2¹⁹ tokens reserved would be 17 GB
        Assert.True(System.Diagnostics.Process.GetCurrentProcess().WorkingSet64 < 8L << 30);
    }

    private static async Task<Generation> Ask(InferenceModule module, int[] prompt) =>
        (await module.GenerateAsync([new GenerationRequest(prompt, Short, RandomStream.For(7, (ulong)prompt.Length))]).Ends())[0];

    private static Task<RolloutBatch> Collect(InferenceModule module, ulong seed, int steps = 4) =>
        new RolloutManager(new Talking(module, Problems, Short), new RolloutConfig { GroupSize = 2, MaxSteps = steps, Seed = seed, NumParallel = 12 }).CollectAsync(Problems).Ends();

    private static IEnumerable<float> LogProbs(RolloutBatch batch) => batch.Trajectories.SelectMany(t => t.Turns).SelectMany(t => t.LogProbs);

    private static InferenceModule Module(ModelFamily family = ModelFamily.Llama, int? window = null, int slots = 128, long conversationBytes = 256 << 20)
    {
        var model = CausalLM.Create(
            new ModelConfig
            {
                Family = family, VocabularySize = 258, Width = 32, Layers = 2, Heads = 4, KeyValueHeads = family == ModelFamily.Gpt2 ? 4 : 2, HeadDimension = 8, FeedForwardWidth = 64,
                ContextLength = 128, EosTokenIds = [256], TiedEmbeddings = true, InitializerRange = 0.25, SlidingWindow = window,
            },
            seed: 1);
        return new InferenceModule(model, TinyModels.Tokenizer, slots, conversationBytes);
    }

    /// <summary>Two conversations by turns: each lies idle while the other goes on.</summary>
    private sealed class TwoMinded(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling) : BaseEnvironment(inference, problems, sampling)
    {
        public override int[] BuildPrompt(State state) => state.Turns.Length < 2 ? [.. base.BuildPrompt(new State(state.Problem)), state.Turns.Length]
            : [.. state.Turns[^2].PromptIds, .. state.Turns[^2].TokenIds, 3];

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state);
    }

    /// <summary>Observations of one to three tokens between the turns.</summary>
    private sealed class Talking(InferenceModule inference, IReadOnlyList<Problem> problems, SamplingOptions sampling) : BaseEnvironment(inference, problems, sampling)
    {
        public override int[] BuildPrompt(State state) =>
            state.Turns.IsEmpty ? base.BuildPrompt(state) : [.. base.BuildPrompt(state), .. Enumerable.Range(10, 1 + (state.Turns[^1].TokenIds[0] % 3))];

        public override ValueTask<State> UpdateStateAsync(State state, Turn turn, CancellationToken cancellationToken) => ValueTask.FromResult(state);
    }
}
