using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Inference;

/// <summary>Log-probs and logits of given tokens; runs on the engine's thread.</summary>
internal static class Scoring
{
    private const int TokensAtOnce = 4096;
    private const long LogitsAtOnce = 16 << 20; // floats

    public static float[][] LogProbs(CausalLM model, IReadOnlyList<int[]> prompts, IReadOnlyList<int[]> responses, SamplingOptions options)
    {
        var result = new float[prompts.Count][];
        var rows = Enumerable.Range(0, prompts.Count).Where(i => responses[i].Length > 0).OrderBy(i => prompts[i].Length + responses[i].Length).ToList();
        foreach (var i in Enumerable.Range(0, prompts.Count).Where(i => responses[i].Length == 0))
        {
            result[i] = [];
        }

        for (var start = 0; start < rows.Count;)
        {
            var end = start;
            for (var tokens = 0; end < rows.Count && (end == start || tokens + prompts[rows[end]].Length + responses[rows[end]].Length <= TokensAtOnce); end++)
            {
                tokens += prompts[rows[end]].Length + responses[rows[end]].Length;
            }

            Score(rows[start..end]);
            start = end;
        }

        return result;

        void Score(List<int> batch)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            // The last token predicts nothing that is asked for.
            using var tokens = model.Pack(batch.Select(i => (int[])[.. prompts[i], .. responses[i][..^1]]).ToArray());
            using var attention = new PackedAttention(model.Config, tokens);
            var hidden = model.HiddenForInference(tokens, attention);  // [N, D]
            var places = batch.SelectMany((i, b) => Enumerable.Range(tokens.Offsets[b] + prompts[i].Length - 1, responses[i].Length).Select(n => (long)n)).ToArray();
            var wanted = hidden.index_select(0, torch.tensor(places, device: model.Device));  // [M, D]
            var owners = batch.SelectMany(i => Enumerable.Range(0, responses[i].Length).Select(t => (Row: i, Token: t))).ToArray();
            foreach (var i in batch)
            {
                result[i] = new float[responses[i].Length];
            }

            var vocabulary = model.Config.VocabularySize;
            var step = (int)Math.Max(1, LogitsAtOnce / vocabulary);
            for (var at = 0; at < owners.Length; at += step)
            {
                using var chunk = NewDisposeScope();
                var count = Math.Min(step, owners.Length - at);
                var logits = model.LogitsForInference(wanted.narrow(0, at, count)).cpu().contiguous();  // [count, V]
                var floats = Tensors.Floats(logits);
                for (var n = 0; n < count; n++)
                {
                    var (row, token) = owners[at + n];
                    ReadOnlySpan<int> previous = options.RepetitionPenalty == 1 ? [] : (int[])[.. prompts[row], .. responses[row][..token]];
                    result[row][token] = Sampler.LogProb(floats.Slice(n * vocabulary, vocabulary), options, previous, responses[row][token]);
                }
            }
        }
    }

    public static float[][] NextTokenLogits(CausalLM model, IReadOnlyList<int[]> prompts)
    {
        var result = new float[prompts.Count][];
        var rows = Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Length).ToArray();
        var vocabulary = model.Config.VocabularySize;
        var most = (int)Math.Max(1, LogitsAtOnce / vocabulary);
        for (var start = 0; start < rows.Length;)
        {
            var end = start;
            for (var tokens = 0; end < rows.Length && (end == start || (end - start < most && tokens + prompts[rows[end]].Length <= TokensAtOnce)); end++)
            {
                tokens += prompts[rows[end]].Length;
            }

            Compute(rows[start..end]);
            start = end;
        }

        return result;

        void Compute(int[] batch)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var tokens = model.Pack(Array.ConvertAll(batch, i => prompts[i]));
            using var attention = new PackedAttention(model.Config, tokens);
            var last = tokens.Offsets.Select((offset, b) => (long)offset + tokens.Lengths[b] - 1).ToArray();
            var hidden = model.HiddenForInference(tokens, attention).index_select(0, torch.tensor(last, device: model.Device));  // [b, D]
            var logits = model.LogitsForInference(hidden).cpu().contiguous();  // [b, V]
            for (var b = 0; b < batch.Length; b++)
            {
                result[batch[b]] = Tensors.Floats(logits).Slice(b * vocabulary, vocabulary).ToArray();
            }
        }
    }
}
