using RlPrimitives.Inference;
using RlPrimitives.Models;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

public sealed partial class BackpropModule
{
    /// <summary>All optimizer steps of an update.</summary>
    /// <returns>The last learning rate.</returns>
    private double Steps(
        IReadOnlyList<TrainingRow> rows, UpdateConfig update, ulong number, double klCoefficient, UpdateMeter measured, CancellationToken cancellationToken)
    {
        var indices = IndexOf(rows);
        var learningRate = 0.0;
        for (var epoch = 0; epoch < update.Epochs; epoch++)
        {
            foreach (var miniBatch in DealMiniBatches(rows, update.MiniBatches, RandomStream.For(Config.Seed, number, (ulong)epoch)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                learningRate = NextLearningRate();
                OptimizerStep(miniBatch, update.Average, batch => PolicyTerms.Of(batch, Model, valueModel, update, klCoefficient), update.Loss, learningRate, measured, indices);
                if (measured.PolicyKl > update.MaxPolicyKl)
                {
                    return learningRate;
                }
            }
        }

        return learningRate;
    }

    private PolicyTerms CrossEntropyOf(MicroBatch batch)
    {
        var logProbs = PolicyTerms.LogProbsOf(Model, batch);  // [M]
        var loss = logProbs.neg().mul(batch.Weights).sum();  // []
        return new PolicyTerms(logProbs, logProbs, null, null, null, loss, null, loss);
    }

    /// <summary>Gradients of all micro-batches, one step. The weights of the average span the whole step, so the split changes nothing.</summary>
    private void OptimizerStep(
        IReadOnlyList<TrainingRow> rows, LossAverage average, Func<MicroBatch, PolicyTerms> termsOf, IPolicyLoss? policyLoss, double learningRate, UpdateMeter measured,
        Dictionary<TrainingRow, int> indices)
    {
        ClearGradients();
        measured.Begin();
        foreach (var batch in MicroBatch.Deal(Model, rows, average, Config.MicroBatchTokens, Config.CheckpointActivations))
        {
            using (batch)
            {
                using var scope = NewDisposeScope();
                var terms = termsOf(batch);
                terms.Loss.backward();
                CollectGradients();
                measured.Add(batch, terms, policyLoss);
            }
        }

        var loss = measured.StepLoss;
        var norm = optimizer.ClipGradients(Config.MaxGradientNorm);
        var valueNorm = valueOptimizer?.ClipGradients(Config.MaxGradientNorm);
        if (!double.IsFinite(loss) || !double.IsFinite(norm) || !double.IsFinite(valueNorm ?? 0))
        {
            ClearGradients();
            throw Refuse(rows, average, termsOf, loss, double.IsFinite(norm) ? valueNorm ?? norm : norm, indices);
        }

        optimizer.Step(learningRate);
        valueOptimizer?.Step(learningRate * Config.Value!.LearningRateFactor);
        ClearGradients();
        optimizerSteps++;
        Model.MarkChanged();
        valueModel?.MarkChanged();
        measured.Step(norm, valueNorm ?? double.NaN);
    }

    // Each row alone: slow, but it says where to look.
    private NonFiniteUpdateException Refuse(
        IReadOnlyList<TrainingRow> rows, LossAverage average, Func<MicroBatch, PolicyTerms> termsOf, double loss, double norm, Dictionary<TrainingRow, int> indices)
    {
        var atFault = new List<int>();
        foreach (var row in rows)
        {
            foreach (var batch in MicroBatch.Deal(Model, [row], average, Config.MicroBatchTokens))
            {
                using (batch)
                {
                    using var scope = NewDisposeScope();
                    var terms = termsOf(batch);
                    terms.Loss.backward();
                    if (!float.IsFinite(terms.Loss.item<float>()) || !double.IsFinite(optimizer.ClipGradients(double.PositiveInfinity))
                        || !double.IsFinite(valueOptimizer?.ClipGradients(double.PositiveInfinity) ?? 0))
                    {
                        atFault.Add(indices[row]);
                    }
                }
            }

            ClearGradients();
        }

        atFault.Sort();
        return new NonFiniteUpdateException(loss, norm, atFault, RefusedBatch.Write(Config.FaultFolder, rows, row => indices[row], atFault));
    }

    private void CollectGradients()
    {
        optimizer.CollectGradients();
        valueOptimizer?.CollectGradients();
    }

    private void ClearGradients()
    {
        optimizer.ClearGradients();
        valueOptimizer?.ClearGradients();
    }
}
