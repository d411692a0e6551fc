using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Rows computed together, as tensors over their M trained tokens.</summary>
internal sealed class MicroBatch : IDisposable
{
    private readonly List<Tensor> owned = [];
    private readonly Device device;

    private MicroBatch(CausalLM model, IReadOnlyList<TrainingRow> rows, IReadOnlyList<float> weights, bool checkpointActivations)
    {
        Rows = rows;
        CheckpointActivations = checkpointActivations;
        device = model.Device;
        Temperature = rows[0].Temperature;
        Lengths = [.. rows.Select(r => r.Trained.Length)];
        // The last token predicts nothing that is trained on.
        Tokens = model.Pack(rows.Select(r => r.Ids[..^1]).ToArray());
        Places = Own(Tensors.Detached(rows.SelectMany((r, b) => r.Trained.Select(t => (long)Tokens.Offsets[b] + t - 1)).ToArray(), device));
        Targets = Own(Tensors.Detached(rows.SelectMany(r => r.Trained.Select(t => (long)r.Ids[t])).ToArray(), device));
        OldLogProbs = Floats(rows.SelectMany(r => r.OldLogProbs));
        Advantages = Floats(rows.SelectMany(r => r.Advantages));
        Weights = Floats(rows.SelectMany((r, b) => Enumerable.Repeat(weights[b], r.Trained.Length)));
        SamplerLogProbs = rows.Any(r => r.SamplerLogProbs is not null) ? Floats(rows.SelectMany(r => r.SamplerLogProbs ?? r.OldLogProbs)) : OldLogProbs;
        ReferenceLogProbs = Optional(r => r.ReferenceLogProbs);
        OldValues = Optional(r => r.OldValues);
        Returns = Optional(r => r.Returns);
    }

    public IReadOnlyList<TrainingRow> Rows { get; }

    public float Temperature { get; }

    /// <summary>Whether layers are computed again in the backward pass, to save memory.</summary>
    public bool CheckpointActivations { get; }

    /// <summary>Trained tokens of each row, [B].</summary>
    public int[] Lengths { get; }

    public PackedTokens Tokens { get; }

    /// <summary>Which of the N packed tokens predicts each trained one, int64 [M].</summary>
    public Tensor Places { get; }

    /// <summary>The trained ids, int64 [M].</summary>
    public Tensor Targets { get; }

    public Tensor OldLogProbs { get; }

    public Tensor SamplerLogProbs { get; }

    public Tensor? ReferenceLogProbs { get; }

    public Tensor? OldValues { get; }

    public Tensor? Returns { get; }

    public Tensor Advantages { get; }

    /// <summary>Weight in the average over the whole optimizer step, [M].</summary>
    public Tensor Weights { get; }

    /// <summary>Deals the rows of one optimizer step into micro-batches of similar lengths, at most <paramref name="maxTokens"/> tokens each where rows allow.</summary>
    public static IEnumerable<MicroBatch> Deal(
        CausalLM model, IReadOnlyList<TrainingRow> rows, LossAverage average, int maxTokens, bool checkpointActivations = false)
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
            yield return new MicroBatch(model, Array.ConvertAll(chosen, i => rows[i]), Array.ConvertAll(chosen, i => weights[i]), checkpointActivations);
            start = end;
        }
    }

    /// <summary>Numbers of all trained tokens, without gradient, taken apart by row, in the order of <paramref name="rows"/>; <paramref name="compute"/> gives the M of a micro-batch.</summary>
    public static float[][] PerRow(CausalLM model, IReadOnlyList<TrainingRow> rows, int maxTokens, Func<MicroBatch, Tensor> compute)
    {
        using var _ = no_grad();
        var result = new Dictionary<TrainingRow, float[]>(ReferenceEqualityComparer.Instance);
        foreach (var batch in Deal(model, rows, LossAverage.Token, maxTokens))
        {
            using (batch)
            {
                using var scope = NewDisposeScope();
                var all = Tensors.ToArray(compute(batch));
                var at = 0;
                foreach (var row in batch.Rows)
                {
                    result[row] = all.AsSpan(at, row.Trained.Length).ToArray();
                    at += row.Trained.Length;
                }
            }
        }

        return rows.Select(r => result[r]).ToArray();
    }

    public void Dispose()
    {
        Tokens.Dispose();
        owned.ForEach(t => t.Dispose());
    }

    private Tensor? Optional(Func<TrainingRow, float[]?> of) => Rows.All(r => of(r) is not null) ? Floats(Rows.SelectMany(r => of(r)!)) : null;

    private Tensor Floats(IEnumerable<float> values) => Own(torch.tensor(values.ToArray(), device: device).DetachFromDisposeScope());

    private Tensor Own(Tensor tensor)
    {
        owned.Add(tensor);
        return tensor;
    }
}
