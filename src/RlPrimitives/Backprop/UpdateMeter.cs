using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Sums what an update measures; values leave the device once a micro-batch, together.</summary>
internal sealed class UpdateMeter
{
    private readonly double[] sums = new double[5]; // entropy, kl, clipped low, clipped high, ratio
    private double tokens;
    private double lossSum;
    private double gradientNorm;
    private double samplerDifference;
    private bool hasReference;
    private int steps;

    /// <param name="batch">The micro-batch.</param>
    /// <param name="computed">Log-probs and entropies, [2, M].</param>
    /// <param name="kl">k3, [M]; null without a reference.</param>
    /// <param name="config">The clip range.</param>
    public void Add(MicroBatch batch, Tensor computed, Tensor? kl, BackpropConfig config)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var ratio = PolicyLoss.Ratio(computed[0], batch.OldLogProbs);  // [M]
        var low = ratio.lt(1 - config.ClipLow).logical_and(batch.Advantages.lt(0));
        var high = ratio.gt(1 + config.ClipHigh).logical_and(batch.Advantages.gt(0));
        var values = Tensors.ToArray(stack([
            computed[1].sum(), kl?.sum() ?? zeros([], device: ratio.device), low.sum().to(ScalarType.Float32), high.sum().to(ScalarType.Float32), ratio.sum(),
            (computed[0] - batch.OldLogProbs).abs().max()]));
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] += values[i];
        }

        hasReference |= kl is not null;
        tokens += ratio.numel();
        if (steps == 0)
        {
            samplerDifference = Math.Max(samplerDifference, values[5]);
        }
    }

    public void Step(double loss, double norm)
    {
        lossSum += loss;
        gradientNorm = norm;
        steps++;
    }

    public UpdateStatistics Result(int trainedTokens, double learningRate)
    {
        var divisor = Math.Max(1, tokens);
        return new UpdateStatistics(
            lossSum / Math.Max(1, steps), sums[0] / divisor, hasReference ? sums[1] / divisor : double.NaN, sums[2] / divisor, sums[3] / divisor, sums[4] / divisor,
            gradientNorm, learningRate, samplerDifference, trainedTokens, steps);
    }
}
