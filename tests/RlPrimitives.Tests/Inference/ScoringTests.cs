using System.Text;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Inference;

/// <summary>Log-probs and logits of given tokens.</summary>
public class ScoringTests
{
    public static IEnumerable<object[]> Names => ReferenceModel.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Next_token_logits_are_those_of_the_forward_pass(string name)
    {
        using var reference = new ReferenceModel(name);
        using var module = new InferenceModule(reference.Model, new NumberTokenizer());
        var logits = await module.GetLogitsAsync([.. reference.Rows.Select(r => string.Join(' ', r))]);
        AssertForward(reference.Model, reference.Rows, logits);
    }

    [Theory]
    [InlineData("gpt2_tied")]
    [InlineData("llama_mha_tied")]
    [InlineData("qwen2_tied")]
    [InlineData("qwen3_tied")]
    public async Task Copies_made_for_speed_are_renewed_when_any_weight_was_changed(string name)
    {
        using var reference = new ReferenceModel(name);
        using var module = new InferenceModule(reference.Model, new NumberTokenizer());
        string[] prompts = [.. reference.Rows.Select(r => string.Join(' ', r))];
        var before = await module.GetLogitsAsync(prompts);
        foreach (var (parameterName, parameter) in reference.Model.Parameters)
        {
            using (no_grad())
            {
                using var scope = NewDisposeScope();
                parameter.add_(rand(parameter.shape).mul_(0.05f));
            }

            reference.Model.MarkChanged();
            var after = await module.GetLogitsAsync(prompts);
            Assert.True(before[0].Zip(after[0]).Any(p => p.First != p.Second) || parameterName.Contains("k_proj.bias", StringComparison.Ordinal), parameterName);
            AssertForward(reference.Model, reference.Rows, after);
            before = after;
        }
    }

    [Theory]
    [InlineData(1, 0, 1, 0)]
    [InlineData(0.5, 0, 1, 0)]
    [InlineData(1, 3, 1, 0)]
    [InlineData(1, 0, 0.5, 0)]
    [InlineData(2, 0, 1, 0.5)]
    public async Task The_tokens_that_may_come_next_carry_the_log_probs_of_the_distribution_sampled_from(float temperature, int topK, float topP, float minP)
    {
        using var module = TinyModels.FreshModule();
        var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, RepetitionPenalty = 1.3f };
        var candidates = await module.GetNextTokensAsync("ab", options);
        Assert.Equal(1, candidates.Sum(c => c.Probability), 5);
        Assert.Equal(candidates.OrderByDescending(c => c.LogProb).Select(c => c.Id), candidates.Select(c => c.Id));
        var prompt = module.Tokenizer.Encode("ab", addSpecialTokens: true);
        var logits = (await module.GetLogitsAsync(["ab"]))[0];
        var all = await module.GetLogProbsAsync(
            [.. logits.Select(_ => prompt)], [.. Enumerable.Range(0, logits.Length).Select(id => (int[])[id])], options);
        Assert.Equal(Enumerable.Range(0, logits.Length).Where(id => !float.IsNegativeInfinity(all[id][0])), candidates.Select(c => c.Id).Order());
        Assert.All(candidates, c => Assert.Equal((all[c.Id][0], logits[c.Id]), (c.LogProb, c.Logit), (x, y) => Math.Abs(x.Item1 - y.Item1) < 1e-4 && x.Item2 == y.Item2));
    }

    [Fact]
    public async Task At_temperature_0_one_token_may_come_next_with_the_log_prob_that_generation_reports()
    {
        using var module = TinyModels.FreshModule();
        var only = Assert.Single(await module.GetNextTokensAsync("ab", SamplingOptions.Greedy));
        var generation = await module.GenerateAsync("ab", SamplingOptions.Greedy with { MaxNewTokens = 1 });
        Assert.Equal(generation.TokenIds[0], only.Id);
        Assert.Equal(generation.LogProbs[0], only.LogProb, 4);
        Assert.Equal(module.Tokenizer.Decode([only.Id], skipSpecialTokens: false), only.Text);
    }

    [Fact]
    public async Task Responses_of_many_lengths_are_scored_as_each_alone()
    {
        using var module = TinyModels.FreshModule();
        var random = new Random(1);
        int[][] prompts = [.. Enumerable.Range(0, 120).Select(_ => Ids(random.Next(1, 60)))];
        int[][] responses = [.. Enumerable.Range(0, 120).Select(_ => Ids(random.Next(0, 60)))];
        var together = await module.GetLogProbsAsync(prompts, responses);
        for (var i = 0; i < 120; i += 7)
        {
            var alone = await module.GetLogProbsAsync([prompts[i]], [responses[i]]);
            Assert.Equal(responses[i].Length, together[i].Length);
            for (var t = 0; t < responses[i].Length; t++)
            {
                Assert.Equal(alone[0][t], together[i][t], 1e-4);
            }
        }

        int[] Ids(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(258))];
    }

    [Fact]
    public async Task A_token_that_a_filter_excludes_has_log_prob_minus_infinity()
    {
        using var module = new InferenceModule(TinyModels.Saying("a"), TinyModels.Tokenizer);
        var scored = await module.GetLogProbsAsync([[1]], [['b']], new SamplingOptions { TopK = 1 });
        Assert.Equal(float.NegativeInfinity, scored[0][0]);
    }

    [Fact]
    public async Task What_cannot_be_scored_is_refused_with_a_reason()
    {
        using var module = TinyModels.FreshModule(context: 16);
        Assert.Contains("2 prompts but 1", (await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogProbsAsync([[1], [2]], [[3]]))).Message, StringComparison.Ordinal);
        Assert.Contains("empty", (await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogProbsAsync([[]], [[3]]))).Message, StringComparison.Ordinal);
        Assert.Contains("context", (await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogProbsAsync([new int[9]], [new int[8]]))).Message, StringComparison.Ordinal);
        Assert.Contains("300", (await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogProbsAsync([[1]], [[300]]))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogitsAsync([""]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.GetLogitsAsync([new string('x', 17)]));
    }

    [Fact]
    public void Bfloat16_computes_what_transformers_computes_in_bfloat16()
    {
        using var reference = new ReferenceModel("qwen2_bf16");
        using var model = CausalLM.FromPretrained(reference.Folder, type: ScalarType.BFloat16);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Assert.Equal(ScalarType.BFloat16, model.HeadWeight.dtype);
        var mask = reference.Tensor("attention_mask_right");
        var logits = model.Forward(reference.Tensor("input_ids_right"), mask).to(float32);
        var expected = reference.Tensor("logits_right_lowprec").to(float32);
        var keep = mask.to(float32).unsqueeze(2);
        // bf16 has 8 bits: rounding of a logit of size x is x/256, and both sides round in every layer.
        var scale = (expected * keep).abs().max().item<float>();
        var difference = ReferenceModel.MaxDifference(logits * keep, expected * keep);
        Assert.True(difference < scale / 64, $"largest difference {difference} at logits up to {scale}");
        var float32Difference = ReferenceModel.MaxDifference(reference.Tensor("logits_right"), expected * keep);
        Assert.True(difference < 2 * float32Difference, $"{difference} against {float32Difference} of float32");
    }

    [Fact]
    public async Task Bfloat16_generates_with_the_log_probs_that_scoring_gives()
    {
        using var model = CausalLM.FromPretrained(Fixtures.Path("models/qwen2_bf16"), type: ScalarType.BFloat16);
        using var backend = new HuggingFaceBackend(model, new NumberTokenizer());
        var generated = (await backend.GenerateAsync([new GenerationRequest([3, 4, 5], new SamplingOptions { MaxNewTokens = 10, StopTokenIds = [] }, RandomStream.For(1))]))[0];
        var scored = (await backend.GetLogProbsAsync([generated.PromptIds], [generated.TokenIds], new SamplingOptions()))[0];
        for (var t = 0; t < 10; t++)
        {
            Assert.Equal(scored[t], generated.LogProbs[t], 0.05);
        }
    }

    private static void AssertForward(CausalLM model, int[][] rows, float[][] logits)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        for (var b = 0; b < rows.Length; b++)
        {
            var expected = model.Forward(tensor(Array.ConvertAll(rows[b], i => (long)i)).unsqueeze(0))[0, -1];
            var difference = ReferenceModel.MaxDifference(expected, tensor(logits[b]));
            Assert.True(difference < 1e-4, $"row {b}: {difference}");
        }
    }
}
