using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Rows computed together, as tensors over their M trained tokens.</summary>
internal sealed class MicroBatch : IDisposable
{
    private MicroBatch(CausalLM model, IReadOnlyList<TrainingRow> rows, IReadOnlyList<float> weights)
    {
        Rows = rows;
        Temperature = rows[0].Temperature;
        // The last token predicts nothing that is trained on.
        Tokens = model.Pack(rows.Select(r => r.Ids[..^1]).ToArray());
        var device = model.Device;
        Places = Tensors.Detached(rows.SelectMany((r, b) => r.Trained.Select(t => (long)Tokens.Offsets[b] + t - 1)).ToArray(), device);
        Targets = Tensors.Detached(rows.SelectMany(r => r.Trained.Select(t => (long)r.Ids[t])).ToArray(), device);
        OldLogProbs = Floats(rows.SelectMany(r => r.OldLogProbs));
        Advantages = Floats(rows.SelectMany(r => r.Advantages));
        Weights = Floats(rows.SelectMany((r, b) => Enumerable.Repeat(weights[b], r.Trained.Length)));

        Tensor Floats(IEnumerable<float> values) => torch.tensor(values.ToArray(), device: device).DetachFromDisposeScope();
    }

    public IReadOnlyList<TrainingRow> Rows { get; }

    public float Temperature { get; }

    public PackedTokens Tokens { get; }

    /// <summary>Which of the N packed tokens predicts each trained one, int64 [M].</summary>
    public Tensor Places { get; }

    /// <summary>The trained ids, int64 [M].</summary>
    public Tensor Targets { get; }

    public Tensor OldLogProbs { get; }

    public Tensor Advantages { get; }

    /// <summary>Weight in the average over the whole optimizer step, [M].</summary>
    public Tensor Weights { get; }

    /// <summary>Deals the rows of one optimizer step into micro-batches of similar lengths, at most <paramref name="maxTokens"/> tokens each where rows allow.</summary>
    public static IEnumerable<MicroBatch> Deal(CausalLM model, IReadOnlyList<TrainingRow> rows, LossAverage average, int maxTokens)
    {
        var weights = LossWeights.PerToken(rows.Select(r => r.Trained.Length).ToArray(), average);
        var sorted = Enumerable.Range(0, rows.Count).OrderBy(i => rows[i].Temperature).ThenBy(i => rows[i].Ids.Length).ThenBy(i => i).ToArray();
        for (var start = 0; start < sorted.Length;)
        {
            var end = start;
            var tokens = 0;
            while (end < sorted.Length && rows[sorted[end]].Temperature == rows[sorted[start]].Temperature
                && (end == start || tokens + rows[sorted[end]].Ids.Length - 1 <= maxTokens))
            {
                tokens += rows[sorted[end]].Ids.Length - 1;
                end++;
            }

            var chosen = sorted[start..end];
            yield return new MicroBatch(model, Array.ConvertAll(chosen, i => rows[i]), Array.ConvertAll(chosen, i => weights[i]));
            start = end;
        }
    }

    public void Dispose()
    {
        Tokens.Dispose();
        foreach (var tensor in new[] { Places, Targets, OldLogProbs, Advantages, Weights })
        {
            tensor.Dispose();
        }
    }
}
