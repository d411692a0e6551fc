using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>What a micro-batch contributes to the loss of an optimizer step, with gradients.</summary>
/// <param name="LogProbs">lp, nats, [M].</param>
/// <param name="Entropy">H at each place, nats, [M].</param>
/// <param name="Kl">Estimate of the KL to the reference, [M]; null without one.</param>
/// <param name="SamplerWeights">Weights of the sampler correction, [M]; null without one.</param>
/// <param name="SamplerOutside">Weights that were out of bounds, their number, []; null without a correction.</param>
/// <param name="PolicyLoss">Weighted sum of the policy loss, [].</param>
/// <param name="ValueLoss">Weighted sum of the value loss before its coefficient, []; null without a value model.</param>
/// <param name="Loss">All terms, [].</param>
internal sealed record PolicyTerms(
    Tensor LogProbs, Tensor Entropy, Tensor? Kl, Tensor? SamplerWeights, Tensor? SamplerOutside, Tensor PolicyLoss, Tensor? ValueLoss, Tensor Loss)
{
    /// <summary>loss = Σ_t w_t·(policy_t·c_t + β·kl_t − c·H_t + c_v·value_t), to be minimised; w averages over the whole optimizer step, c corrects for the sampler.</summary>
    public static PolicyTerms Of(MicroBatch batch, CausalLM model, ValueModel? valueModel, UpdateConfig update, double klCoefficient)
    {
        var hidden = HiddenAtPlaces(model, batch);  // [M, D]
        var computed = TokenLogProbs.Compute(hidden, model.HeadWeight, batch.Targets, batch.Temperature);  // [2, M]
        var (logProbs, entropy) = (computed[0], computed[1]);  // [M], [M]
        var policy = update.Loss.PerToken(new PolicyTokens(logProbs, batch.OldLogProbs, batch.Advantages, batch.Lengths));  // [M]
        var unbounded = update.SamplerCorrection?.Unbounded(batch.OldLogProbs, batch.SamplerLogProbs, batch.Lengths);  // [M]
        var correction = unbounded is null ? null : update.SamplerCorrection!.Bounded(unbounded);  // [M]
        var outside = unbounded is null ? null : update.SamplerCorrection!.IsOutside(unbounded).sum();  // []
        policy = correction is null ? policy : policy * correction;  // [M]
        var policyLoss = policy.mul(batch.Weights).sum();  // [] not dot: its last bits depend on where in memory the weights lie
        var loss = policyLoss;

        var kl = batch.ReferenceLogProbs is { } reference ? Backprop.Kl.Estimate(logProbs, reference, update.Kl.Estimator, update.Kl.Clamp) : null;  // [M]
        if (kl is not null && update.Kl.Placement == KlPlacement.Loss)
        {
            loss = loss.Plus(kl.mul(batch.Weights).sum() * Scalars.Of(klCoefficient));  // []
        }

        if (update.EntropyCoefficient > 0)
        {
            loss = loss - (entropy.mul(batch.Weights).sum() * Scalars.Of(update.EntropyCoefficient));  // []
        }

        Tensor? valueLoss = null;
        if (valueModel is not null && batch.Returns is { } returns)
        {
            var values = valueModel.Values(batch, hidden);  // [M]
            var perToken = update.ValueClip is { } clip && batch.OldValues is { } old
                ? Backprop.ValueLoss.Clipped(values, old, returns, clip)
                : Backprop.ValueLoss.Squared(values, returns);  // [M]
            valueLoss = perToken.mul(batch.Weights).sum();  // []
            loss = loss.Plus(valueLoss * Scalars.Of(update.ValueCoefficient));  // []
        }

        return new PolicyTerms(logProbs, entropy, kl, correction, outside, policyLoss, valueLoss, loss);
    }

    /// <summary>Features where something is predicted, [M, D].</summary>
    public static Tensor HiddenAtPlaces(CausalLM model, MicroBatch batch) => 
        AtenOperators.Embedding(model.Hidden(batch.Tokens, batch.CheckpointActivations), batch.Places);

    /// <summary>Log-probs of the trained tokens, [M].</summary>
    public static Tensor LogProbsOf(CausalLM model, MicroBatch batch) =>
        TokenLogProbs.Compute(HiddenAtPlaces(model, batch), model.HeadWeight, batch.Targets, batch.Temperature, withEntropy: false)[0];
}
