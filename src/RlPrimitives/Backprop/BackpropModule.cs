using RlPrimitives.Inference;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Owns what an update needs beside the model: optimizer, reference, value model. Computes on <see cref="CausalLM.Executor"/>.</summary>
public sealed partial class BackpropModule : IDisposable
{
    private readonly AdamW optimizer;
    private readonly ValueModel? valueModel;
    private readonly AdamW? valueOptimizer;
    private readonly Lock referenceLock = new();
    private readonly TorchSharp.Modules.Parameter firstTrained;
    private ReferenceModel? reference;
    private AdaptiveKlCoefficient? adaptiveKl;
    private ulong updates;
    private int optimizerSteps;

    /// <summary>Prepares to train a model: its LoRA adapters where it has any, else all its weights.</summary>
    /// <param name="model">The model; not owned, usually shared with an inference module. Adapters are added before this, or a new module is made after it.</param>
    /// <param name="config">How it is updated.</param>
    public BackpropModule(CausalLM model, BackpropConfig config)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(config);
        Model = model;
        Config = config;
        firstTrained = model.TrainableParameters[0].Parameter;
        foreach (var (_, parameter) in model.TrainableParameters)
        {
            parameter.requires_grad_(true);
        }

        // Gradient, two moments, and master weights where the model computes in half of their precision.
        MemoryPlan.Check(
            model.TrainableParameters.Sum(p => p.Parameter.numel()) * (model.Type == ScalarType.Float32 ? 12L : 14L), model.Device, "The optimizer's state", "train LoRA adapters (AddLora) instead of all weights");
        optimizer = TensorThread.RunOnce(() => new AdamW([new ParameterGroup(model.TrainableParameters)], config.Optimizer));
        if (config.Value is { } value)
        {
            valueModel = new ValueModel(model, value, config.Seed);
            valueOptimizer = TensorThread.RunOnce(() => new AdamW([new ParameterGroup(valueModel.Parameters)], config.Optimizer));
        }
    }

    /// <summary>The model trained.</summary>
    public CausalLM Model { get; }

    /// <summary>How it is updated.</summary>
    public BackpropConfig Config { get; }

    /// <summary>Whether there is a value estimate to train.</summary>
    public bool HasValues => valueModel is not null;

    /// <summary>Group-relative advantages; see <see cref="Backprop.Advantages.GroupRelative(ReadOnlySpan{float?}, AdvantageNormalization, double)"/>.</summary>
    public static float[] ComputeAdvantages(ReadOnlySpan<float?> rewards, AdvantageNormalization normalization = AdvantageNormalization.GroupDeviation) =>
        Advantages.GroupRelative(rewards, normalization);

    /// <summary>The clipped loss of tokens, for a look in a cell; see <see cref="PolicyLoss.Clipped(Tensor, Tensor, Tensor, ClipRange)"/>.</summary>
    /// <param name="logProbs">lp, nats, [M].</param>
    /// <param name="oldLogProbs">old, nats, [M].</param>
    /// <param name="advantages">A, [M].</param>
    /// <param name="range">Bounds of the ratio; null for 1 ± 0.2.</param>
    /// <returns>[M], to be minimised.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static float[] ComputePpoLoss(float[] logProbs, float[] oldLogProbs, float[] advantages, ClipRange? range = null) => TensorThread.RunOnce(() =>
    {
        using var scope = NewDisposeScope();
        return Tensors.ToArray(PolicyLoss.Clipped(tensor(logProbs), tensor(oldLogProbs), tensor(advantages), range ?? ClipRange.Ppo));
    });

    /// <summary>Updates the model on a batch.</summary>
    /// <param name="rows">The sequences; at least one trained token each.</param>
    /// <param name="update">What is minimised and in how many steps; null for <see cref="UpdateConfig.Grpo"/>.</param>
    /// <param name="cancellationToken">Ends the update between two optimizer steps; the model stays usable.</param>
    /// <returns>What was measured.</returns>
    /// <exception cref="ArgumentException">A row does not fit, or lacks the returns that a value model is trained towards; or the loss allows no second step on a batch and the update takes one.</exception>
    /// <exception cref="NonFiniteUpdateException">A loss or gradient was not finite; that step was not taken.</exception>
    public async Task<UpdateStatistics> UpdateAsync(IReadOnlyList<TrainingRow> rows, UpdateConfig? update = null, CancellationToken cancellationToken = default)
    {
        update = (update ?? UpdateConfig.Grpo).Checked();
        CheckRows(rows);
        rows = await WithReferenceAsync(rows, update).ConfigureAwait(false);
        var number = updates++;
        var klCoefficient = KlCoefficient(update);
        var result = await Model.Executor.RunAsync(() =>
        {
            var measured = new UpdateMeter();
            var learningRate = Steps(rows, update, number, klCoefficient, measured, cancellationToken);
            reference?.AfterUpdate();
            return measured.Result(rows.Sum(r => r.Trained.Length), learningRate);
        }).ConfigureAwait(false);
        result = result with { KlCoefficient = klCoefficient, KlEstimator = update.Kl.Estimator, ExplainedVariance = ExplainedVariance(rows) };
        Adapt(update, rows);
        return result;
    }

    /// <summary>What an update would measure on a batch, without taking a step.</summary>
    /// <inheritdoc cref="UpdateAsync"/>
    public async Task<UpdateStatistics> ComputeLossAsync(IReadOnlyList<TrainingRow> rows, UpdateConfig? update = null)
    {
        update ??= UpdateConfig.Grpo;
        CheckRows(rows);
        rows = await WithReferenceAsync(rows, update).ConfigureAwait(false);
        var klCoefficient = KlCoefficient(update);
        var result = await Model.Executor.RunAsync(() =>
        {
            using var _ = no_grad();
            var measured = new UpdateMeter();
            measured.Begin();
            foreach (var batch in MicroBatch.Deal(Model, rows, update.Average, Config.MicroBatchTokens))
            {
                using (batch)
                {
                    using var scope = NewDisposeScope();
                    measured.Add(batch, PolicyTerms.Of(batch, Model, valueModel, update, klCoefficient), update.Loss);
                }
            }

            measured.Step(double.NaN, double.NaN);
            return measured.Result(rows.Sum(r => r.Trained.Length), 0) with { OptimizerSteps = 0 };
        }).ConfigureAwait(false);
        return result with { KlCoefficient = klCoefficient, KlEstimator = update.Kl.Estimator, ExplainedVariance = ExplainedVariance(rows) };
    }

    /// <summary>Updates the model once to make the trained tokens more likely (cross-entropy); advantages and old log-probs play no part.</summary>
    /// <param name="rows">The sequences; at least one trained token each.</param>
    /// <param name="learningRate">Step size; null for the configured one.</param>
    /// <exception cref="NonFiniteUpdateException">The loss or a gradient was not finite; the step was not taken.</exception>
    public Task<UpdateStatistics> UpdateSupervisedAsync(IReadOnlyList<TrainingRow> rows, double? learningRate = null)
    {
        CheckRows(rows);
        if (learningRate is { } asked && !(asked > 0 && double.IsFinite(asked)))
        {
            throw new ArgumentOutOfRangeException(nameof(learningRate), learningRate, "The learning rate must be finite and above 0.");
        }

        return Model.Executor.RunAsync(() =>
        {
            var measured = new UpdateMeter();
            var rate = learningRate ?? NextLearningRate();
            OptimizerStep(rows, LossAverage.Token, CrossEntropyOf, null, rate, measured, IndexOf(rows));
            return measured.Result(rows.Sum(r => r.Trained.Length), rate);
        });
    }

    /// <summary>Log-probs of the trained tokens of each row as the model is now, nats.</summary>
    public Task<float[][]> ComputeLogProbsAsync(IReadOnlyList<TrainingRow> rows)
    {
        CheckRows(rows);
        return Model.Executor.RunAsync(() => MicroBatch.PerRow(Model, rows, Config.MicroBatchTokens, batch => PolicyTerms.LogProbsOf(Model, batch)));
    }

    /// <summary>Log-probs of the trained tokens of each row under the reference, nats; makes the reference where there is none yet.</summary>
    public Task<float[][]> ComputeReferenceLogProbsAsync(IReadOnlyList<TrainingRow> rows)
    {
        CheckRows(rows);
        var model = PrepareReference();
        return Model.Executor.RunAsync(() => model.LogProbs(rows, Config.MicroBatchTokens));
    }

    /// <summary>Values of the trained tokens of each row: the return expected before each was sampled.</summary>
    /// <exception cref="InvalidOperationException">There is no value model.</exception>
    public Task<float[][]> ComputeValuesAsync(IReadOnlyList<TrainingRow> rows)
    {
        CheckRows(rows);
        var values = valueModel ?? throw new InvalidOperationException("There is no value model: set BackpropConfig.Value.");
        return Model.Executor.RunAsync(() => MicroBatch.PerRow(Model, rows, Config.MicroBatchTokens, batch =>
            values.Values(batch, values.Config.SeparateTrunk ? batch.Advantages : PolicyTerms.HiddenAtPlaces(Model, batch))));
    }

    /// <summary>Makes the reference take the policy's weights as they are now; makes it where there is none yet.</summary>
    /// <exception cref="InvalidOperationException">The reference is the model without its adapters, and has no weights of its own.</exception>
    public Task UpdateReferenceModelAsync()
    {
        CheckModel();
        var model = PrepareReference();
        return Model.Executor.RunAsync(() =>
        {
            model.Renew();
            return true;
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        optimizer.Dispose();
        valueOptimizer?.Dispose();
        valueModel?.Dispose();
        reference?.Dispose();
    }

    /// <summary>The reference, made when it is first asked for.</summary>
    internal ReferenceModel PrepareReference()
    {
        lock (referenceLock)
        {
            return reference ??= new ReferenceModel(Model, Config.Reference ?? (Model.Lora is null ? ReferenceMode.FrozenCopy : ReferenceMode.WithoutLora));
        }
    }

    /// <summary>β of the next update.</summary>
    internal double KlCoefficient(UpdateConfig update) =>
        update.Kl is { Target: not null, Coefficient: > 0 } && adaptiveKl is not null ? adaptiveKl.Coefficient : update.Kl.Coefficient;

    private static double ExplainedVariance(IReadOnlyList<TrainingRow> rows) => rows.All(r => r.OldValues is not null && r.Returns is not null)
        ? ValueLoss.ExplainedVariance(rows.SelectMany(r => r.OldValues!).ToArray(), rows.SelectMany(r => r.Returns!).ToArray())
        : double.NaN;

    // β follows the mean KL of a sequence at collection.
    private void Adapt(UpdateConfig update, IReadOnlyList<TrainingRow> rows)
    {
        if (update.Kl is { Target: { } target, Coefficient: > 0 } kl)
        {
            var perSequence = rows.Average(r => r.OldLogProbs.Zip(r.ReferenceLogProbs!, (old, reference) => Kl.Of(old, reference, kl.Estimator, kl.Clamp)).Sum());
            adaptiveKl = (adaptiveKl ?? new AdaptiveKlCoefficient(kl.Coefficient, target, kl.Horizon)).Next(perSequence, rows.Count);
        }
    }

    private async Task<IReadOnlyList<TrainingRow>> WithReferenceAsync(IReadOnlyList<TrainingRow> rows, UpdateConfig update)
    {
        if (valueModel is not null && update.ValueCoefficient > 0 && rows.FirstOrDefault(r => r.Returns is null) is not null)
        {
            throw new ArgumentException("There is a value model, but rows have no returns to train it towards: set TrainingRow.Returns, or ValueCoefficient to 0.", nameof(rows));
        }

        if (update.Kl.Coefficient == 0 || rows.All(r => r.ReferenceLogProbs is not null))
        {
            return rows;
        }

        var logProbs = await ComputeReferenceLogProbsAsync(rows).ConfigureAwait(false);
        return rows.Zip(logProbs, (row, of) => row with { ReferenceLogProbs = of }).ToArray();
    }

    private double NextLearningRate() => Config.Schedule?.At(optimizerSteps + 1) ?? Config.LearningRate;

    private static Dictionary<TrainingRow, int> IndexOf(IReadOnlyList<TrainingRow> rows)
    {
        var indices = new Dictionary<TrainingRow, int>(ReferenceEqualityComparer.Instance);
        for (var i = 0; i < rows.Count; i++)
        {
            indices[rows[i]] = i;
        }

        return indices;
    }

    private static IEnumerable<IReadOnlyList<TrainingRow>> DealMiniBatches(IReadOnlyList<TrainingRow> rows, int wanted, RandomStream random)
    {
        var parts = Math.Min(wanted, rows.Count);
        if (parts == 1)
        {
            return [rows];
        }

        var order = Enumerable.Range(0, rows.Count).OrderBy(i => random.NextUniform((ulong)i)).ToArray();
        return Enumerable.Range(0, parts).Select(p => order[(p * rows.Count / parts)..((p + 1) * rows.Count / parts)].Select(i => rows[i]).ToArray());
    }

    /// <exception cref="InvalidOperationException">Adapters were added, merged or removed since.</exception>
    private void CheckModel()
    {
        if (!ReferenceEquals(Model.TrainableParameters[0].Parameter, firstTrained))
        {
            throw new InvalidOperationException(
                "The model's LoRA adapters were added, merged or removed after this BackpropModule was made, and its optimizer trains what is no longer trained: make a new BackpropModule.");
        }
    }

    private void CheckRows(IReadOnlyList<TrainingRow> rows)
    {
        CheckModel();
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0)
        {
            throw new ArgumentException("There is nothing to train on.", nameof(rows));
        }

        for (var i = 0; i < rows.Count; i++)
        {
            rows[i].Check(i, Model.Config.VocabularySize);
        }
    }
}
