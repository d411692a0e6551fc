using RlPrimitives.Models.Native;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Sums what an update measures; one host synchronisation a micro-batch.</summary>
internal sealed class UpdateMeter
{
    private readonly double[] sums = new double[8];
    private double lossSum, policyLossSum, stepPolicyLoss, gradientNorm, valueGradientNorm = double.NaN;
    private double ratioMax, samplerMax, samplerSum, samplerOutside, stepPolicyKl;
    private long tokens, samplerTokens, stepTokens;
    private bool hasReference, hasValues;
    private int steps;

    /// <summary>Loss of the optimizer step so far.</summary>
    public double StepLoss { get; private set; }

    /// <summary>Mean k3 of the last optimizer step's tokens, before it was taken.</summary>
    public double PolicyKl => stepTokens == 0 ? 0 : stepPolicyKl / stepTokens;

    /// <summary>Adds what a micro-batch measured.</summary>
    public void Add(MicroBatch batch, PolicyTerms terms, IPolicyLoss? policyLoss)
    {
        if (policyLoss is null)
        {
            StepLoss += terms.Loss.item<float>();
            return;
        }

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var logProbs = terms.LogProbs.detach();  // [M]
        var tokensOf = new PolicyTokens(logProbs, batch.OldLogProbs, batch.Advantages, batch.Lengths);
        var ratio = policyLoss.Ratio(tokensOf).detach();  // [M]
        var (low, high) = policyLoss.Bounds ?? (double.NegativeInfinity, double.PositiveInfinity);
        var none = zeros([], device: ratio.device);
        var sampler = (logProbs - batch.SamplerLogProbs).abs();  // [M]
        var values = Tensors.ToArray(stack(
        [
            terms.Entropy.detach().sum(),
            terms.Kl?.detach().sum() ?? none,
            ratio.lt(Scalars.Of(low)).logical_and(batch.Advantages.lt(Scalars.Of(0))).sum().to(ScalarType.Float32),
            ratio.gt(Scalars.Of(high)).logical_and(batch.Advantages.gt(Scalars.Of(0))).sum().to(ScalarType.Float32),
            ratio.sum(),
            Backprop.Kl.Estimate(batch.OldLogProbs, logProbs, KlEstimator.K3, KlClamp.Difference20).sum(),
            terms.SamplerWeights?.sum() ?? full([], Scalars.Of((float)ratio.numel()), device: ratio.device),
            terms.ValueLoss?.detach() ?? none,
            ratio.max(),
            sampler.max(),
            sampler.sum(),
            terms.Loss.detach(),
            terms.PolicyLoss.detach(),
            terms.SamplerOutside?.to(ScalarType.Float32) ?? none,
        ]));
        for (var i = 0; i < sums.Length; i++)
        {
            sums[i] += values[i];
        }

        hasReference |= terms.Kl is not null;
        hasValues |= terms.ValueLoss is not null;
        StepLoss += values[11];
        stepPolicyLoss += values[12];
        samplerOutside += values[13];
        ratioMax = Math.Max(ratioMax, values[8]);
        stepPolicyKl += values[5];
        stepTokens += ratio.numel();
        tokens += ratio.numel();
        if (steps == 0)
        {
            samplerMax = Math.Max(samplerMax, values[9]);
            samplerSum += values[10];
            samplerTokens += ratio.numel();
        }
    }

    /// <summary>A step begins.</summary>
    public void Begin() => (StepLoss, stepPolicyLoss, stepPolicyKl, stepTokens) = (0, 0, 0, 0);

    /// <summary>A step was taken.</summary>
    public void Step(double norm, double valueNorm)
    {
        lossSum += StepLoss;
        policyLossSum += stepPolicyLoss;
        gradientNorm = norm;
        valueGradientNorm = valueNorm;
        steps++;
    }

    public UpdateStatistics Result(int trainedTokens, double learningRate)
    {
        var divisor = Math.Max(1, tokens);
        return new UpdateStatistics
        {
            Loss = lossSum / Math.Max(1, steps),
            PolicyLoss = policyLossSum / Math.Max(1, steps),
            ValueLoss = hasValues ? sums[7] / Math.Max(1, steps) : double.NaN,
            Entropy = sums[0] / divisor,
            Kl = hasReference ? sums[1] / divisor : double.NaN,
            ClipLow = sums[2] / divisor,
            ClipHigh = sums[3] / divisor,
            RatioMean = tokens == 0 ? 1 : sums[4] / divisor,
            RatioMax = tokens == 0 ? 1 : ratioMax,
            PolicyKl = sums[5] / divisor,
            SamplerWeightMean = tokens == 0 ? 1 : sums[6] / divisor,
            SamplerOutside = samplerOutside / divisor,
            GradientNorm = gradientNorm,
            ValueGradientNorm = valueGradientNorm,
            LearningRate = learningRate,
            SamplerDifference = samplerMax,
            SamplerDifferenceMean = samplerSum / Math.Max(1, samplerTokens),
            Tokens = trainedTokens,
            TrainedTokens = tokens,
            OptimizerSteps = steps,
        };
    }
}
