using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Owns what an update needs beside the model: the optimizer and the frozen reference. Computes on <see cref="CausalLM.Executor"/>.</summary>
public sealed class BackpropModule : IDisposable
{
    private readonly AdamW optimizer;
    private readonly CausalLM? reference;
    private ulong updates;

    /// <summary>Prepares to train all weights of a model.</summary>
    /// <param name="model">The model; not owned, usually shared with an inference module.</param>
    /// <param name="config">How it is updated. With a KL coefficient a frozen copy of the model is kept as the reference.</param>
    public BackpropModule(CausalLM model, BackpropConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        Model = model;
        Config = config;
        foreach (var (_, parameter) in model.Parameters)
        {
            parameter.requires_grad_(true);
        }

        optimizer = TensorThread.RunOnce(() => new AdamW(model.Parameters.Select(p => p.Parameter).ToArray(), config.Optimizer));
        reference = config.KlCoefficient > 0 ? model.Clone() : null;
    }

    /// <summary>The model trained.</summary>
    public CausalLM Model { get; }

    /// <summary>How it is updated.</summary>
    public BackpropConfig Config { get; }

    /// <summary>Group-relative advantages; see <see cref="Backprop.Advantages.GroupRelative(ReadOnlySpan{float?}, AdvantageNormalization, double)"/>.</summary>
    public static float[] ComputeAdvantages(ReadOnlySpan<float?> rewards, AdvantageNormalization normalization = AdvantageNormalization.GroupDeviation) =>
        Advantages.GroupRelative(rewards, normalization);

    /// <summary>Updates the model on a batch with the clipped policy loss and, if there is a reference, the k3 penalty.</summary>
    /// <param name="rows">The sequences; at least one trained token each.</param>
    /// <param name="cancellationToken">Ends the update between two optimizer steps; the model stays usable.</param>
    /// <returns>What was measured.</returns>
    /// <exception cref="NonFiniteUpdateException">A loss or gradient was not finite; that step was not taken.</exception>
    public Task<UpdateStatistics> UpdateAsync(IReadOnlyList<TrainingRow> rows, CancellationToken cancellationToken = default)
    {
        CheckRows(rows);
        var update = updates++;
        return Model.Executor.RunAsync(() =>
        {
            var measured = new UpdateMeter();
            for (var epoch = 0; epoch < Config.Epochs; epoch++)
            {
                foreach (var miniBatch in DealMiniBatches(rows, RandomStream.For(Config.Seed, update, (ulong)epoch)))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    OptimizerStep(miniBatch, PolicyLossOf, Config.LearningRate, measured);
                }
            }

            return measured.Result(rows.Sum(r => r.Trained.Length), Config.LearningRate);
        });
    }

    /// <summary>Updates the model once to make the trained tokens more likely (cross-entropy); advantages and old log-probs play no part.</summary>
    /// <param name="rows">The sequences; at least one trained token each.</param>
    /// <param name="learningRate">Step size; null for the configured one.</param>
    /// <exception cref="NonFiniteUpdateException">The loss or a gradient was not finite; the step was not taken.</exception>
    public Task<UpdateStatistics> UpdateSupervisedAsync(IReadOnlyList<TrainingRow> rows, double? learningRate = null)
    {
        CheckRows(rows);
        return Model.Executor.RunAsync(() =>
        {
            var measured = new UpdateMeter();
            OptimizerStep(rows, CrossEntropyOf, learningRate ?? Config.LearningRate, measured);
            return measured.Result(rows.Sum(r => r.Trained.Length), learningRate ?? Config.LearningRate);
        });
    }

    /// <summary>Log-probs of the trained tokens of each row as the model is now, nats.</summary>
    public Task<float[][]> ComputeLogProbsAsync(IReadOnlyList<TrainingRow> rows)
    {
        CheckRows(rows);
        return Model.Executor.RunAsync(() =>
        {
            using var _ = no_grad();
            var result = new Dictionary<TrainingRow, float[]>(ReferenceEqualityComparer.Instance);
            foreach (var batch in MicroBatch.Deal(Model, rows, Config.Average, Config.MicroBatchTokens))
            {
                using (batch)
                {
                    using var scope = NewDisposeScope();
                    var all = Tensors.ToArray(LogProbsAndEntropy(Model, batch, withEntropy: false)[0]);
                    var at = 0;
                    foreach (var row in batch.Rows)
                    {
                        result[row] = all.AsSpan(at, row.Trained.Length).ToArray();
                        at += row.Trained.Length;
                    }
                }
            }

            return rows.Select(r => result[r]).ToArray();
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        reference?.Dispose();
    }

    private static Tensor LogProbsAndEntropy(CausalLM model, MicroBatch batch, bool withEntropy)
    {
        var hidden = AtenOperators.Embedding(model.Hidden(batch.Tokens), batch.Places);  // [M, D] only where something is predicted
        return TokenLogProbs.Compute(hidden, model.HeadWeight, batch.Targets, batch.Temperature, withEntropy);  // [2, M]
    }

    private Tensor PolicyLossOf(MicroBatch batch, UpdateMeter measured)
    {
        var computed = LogProbsAndEntropy(Model, batch, withEntropy: true);  // [2, M]
        var logProbs = computed[0];  // [M]
        var perToken = PolicyLoss.Clipped(logProbs, batch.OldLogProbs, batch.Advantages, Config.ClipLow, Config.ClipHigh);  // [M]
        Tensor? kl = null;
        if (reference is not null)
        {
            Tensor referenceLogProbs;
            using (no_grad())
            {
                referenceLogProbs = LogProbsAndEntropy(reference, batch, withEntropy: false)[0];  // [M]
            }

            kl = Kl.K3(logProbs, referenceLogProbs);  // [M]
            perToken = perToken + (Config.KlCoefficient * kl);  // [M]
        }

        measured.Add(batch, computed.detach(), kl?.detach(), Config);
        return perToken.mul(batch.Weights).sum();  // [] not dot: its last bits depend on where in memory the weights lie
    }

    private Tensor CrossEntropyOf(MicroBatch batch, UpdateMeter measured)
    {
        var computed = LogProbsAndEntropy(Model, batch, withEntropy: false);  // [2, M]
        return computed[0].neg().mul(batch.Weights).sum();  // []
    }

    /// <summary>Gradients of all micro-batches, one step. The weights of the average span the whole step, so the split changes nothing.</summary>
    private void OptimizerStep(IReadOnlyList<TrainingRow> rows, Func<MicroBatch, UpdateMeter, Tensor> lossOf, double learningRate, UpdateMeter measured)
    {
        optimizer.ClearGradients();
        var loss = 0.0;
        foreach (var batch in MicroBatch.Deal(Model, rows, Config.Average, Config.MicroBatchTokens))
        {
            using (batch)
            {
                using var scope = NewDisposeScope();
                var partial = lossOf(batch, measured);  // []
                partial.backward();
                loss += partial.item<float>();
            }
        }

        var norm = optimizer.ClipGradients(Config.MaxGradientNorm);
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            optimizer.ClearGradients();
            throw new NonFiniteUpdateException(loss, norm);
        }

        optimizer.Step(learningRate);
        optimizer.ClearGradients();
        Model.MarkChanged();
        measured.Step(loss, norm);
    }

    private IEnumerable<IReadOnlyList<TrainingRow>> DealMiniBatches(IReadOnlyList<TrainingRow> rows, RandomStream random)
    {
        var parts = Math.Min(Config.MiniBatches, rows.Count);
        if (parts == 1)
        {
            return [rows];
        }

        var order = Enumerable.Range(0, rows.Count).OrderBy(i => random.NextUniform((ulong)i)).ToArray();
        return Enumerable.Range(0, parts).Select(p => order[(p * rows.Count / parts)..((p + 1) * rows.Count / parts)].Select(i => rows[i]).ToArray());
    }

    private static void CheckRows(IReadOnlyList<TrainingRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0)
        {
            throw new ArgumentException("There is nothing to train on.", nameof(rows));
        }

        for (var i = 0; i < rows.Count; i++)
        {
            var r = rows[i];
            if (r.Trained.Length == 0 || r.Trained.Length != r.OldLogProbs.Length || r.Trained.Length != r.Advantages.Length
                || r.Trained[0] < 1 || r.Trained[^1] >= r.Ids.Length)
            {
                throw new ArgumentException($"Row {i} has {r.Ids.Length} tokens, {r.Trained.Length} trained places, {r.OldLogProbs.Length} old log-probs and " +
                    $"{r.Advantages.Length} advantages: the last three must be equal and at least 1, and places within [1, {r.Ids.Length - 1}].", nameof(rows));
            }
        }
    }
}
