using RlPrimitives.Inference;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>Every fixture model against Hugging Face transformers.</summary>
public class ModelParityTests
{
    public static IEnumerable<object[]> Names => ReferenceModel.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Logits_match_transformers_with_padding_on_either_side(string name)
    {
        using var reference = new ReferenceModel(name);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var side in new[] { "right", "left" })
        {
            var logits = reference.Model.Forward(reference.Tensor($"input_ids_{side}"), reference.Tensor($"attention_mask_{side}"));
            var difference = ReferenceModel.MaxDifference(logits, reference.Tensor($"logits_{side}"));
            Assert.True(difference < 1e-4, $"{side}: largest difference {difference}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Logits_of_a_row_alone_are_those_of_the_padded_row(string name)
    {
        using var reference = new ReferenceModel(name);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var padded = reference.Tensor("logits_right");
        for (var b = 0; b < reference.Rows.Length; b++)
        {
            var row = reference.Rows[b];
            var alone = reference.Model.Forward(tensor(Array.ConvertAll(row, i => (long)i)).unsqueeze(0))[0];
            var difference = ReferenceModel.MaxDifference(alone, padded[b].narrow(0, 0, row.Length));
            Assert.True(difference < 1e-4, $"row {b}: largest difference {difference}");
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Log_probs_of_given_tokens_match_transformers(string name)
    {
        using var reference = new ReferenceModel(name);
        using var backend = new HuggingFaceBackend(reference.Model, new NumberTokenizer());
        var computed = await backend.GetLogProbsAsync(reference.Rows.Select(r => r[..1]).ToArray(), reference.Rows.Select(r => r[1..]).ToArray(), new SamplingOptions());
        using var expected = reference.Tensor("token_logprobs_right");
        for (var b = 0; b < computed.Length; b++)
        {
            for (var t = 0; t < computed[b].Length; t++)
            {
                Assert.Equal(expected[b, t].item<float>(), computed[b][t], 1e-4);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Greedy_generation_is_token_for_token_that_of_transformers(string name)
    {
        using var reference = new ReferenceModel(name);
        using var backend = new HuggingFaceBackend(reference.Model, new NumberTokenizer());
        var eos = reference.Expected.GetProperty("eos_token_id").GetInt32();
        foreach (var (variant, options, rows) in new[]
        {
            ("left_no_eos", new SamplingOptions { StopTokenIds = [] }, reference.Rows),
            ("left_eos", new SamplingOptions { StopTokenIds = [eos] }, reference.Rows),
            ("row0_unpadded_eos", new SamplingOptions { StopTokenIds = [eos] }, reference.Rows[..1]),
            ("left_no_eos_repetition_penalty_1.3", new SamplingOptions { StopTokenIds = [], RepetitionPenalty = 1.3f }, reference.Rows),
        })
        {
            var expected = reference.Expected.GetProperty("greedy").GetProperty(variant).GetProperty("new_tokens").EnumerateArray()
                .Select(r => r.EnumerateArray().Select(i => i.GetInt32()).ToArray()).ToArray();
            var generated = await backend.GenerateAsync(rows.Select(r =>
                new GenerationRequest(r, options with { Temperature = 0, MaxNewTokens = expected[0].Length }, default)).ToArray());
            for (var b = 0; b < rows.Length; b++)
            {
                if (options.RepetitionPenalty != 1 && rows[b].Length < rows.Max(r => r.Length))
                {
                    continue; // transformers penalises the padding id of padded rows too; here no row has padding
                }

                // transformers pads rows that ended; ours end with the stop token.
                var ends = options.StopTokenIds!.Value.Length > 0 && expected[b].Contains(eos);
                Assert.Equal(ends ? expected[b][..(Array.IndexOf(expected[b], eos) + 1)] : expected[b], generated[b].TokenIds);
                Assert.Equal(ends ? StopReason.StopToken : StopReason.MaxNewTokens, generated[b].StopReason);
            }
        }
    }
}
