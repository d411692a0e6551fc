using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>What a policy loss is computed from: the M sampled tokens of B sequences, one sequence after the other.</summary>
/// <param name="LogProbs">lp, nats, with gradient, [M].</param>
/// <param name="OldLogProbs">old, at collection, without gradient, [M].</param>
/// <param name="Advantages">A, [M].</param>
/// <param name="Lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
public sealed record PolicyTokens(Tensor LogProbs, Tensor OldLogProbs, Tensor Advantages, int[] Lengths);

/// <summary>A policy loss to be minimised; which one is data, not a string.</summary>
public interface IPolicyLoss
{
    /// <summary>Ratios beyond which a token counts as clipped, for the record; null where the loss does not clip.</summary>
    (double Low, double High)? Bounds { get; }

    /// <summary>Whether it is right only at the policy that sampled, having no ratio to correct with: an update is then one optimizer step.</summary>
    bool NeedsFreshSamples => false;

    /// <summary>The ratio that the loss looks at, on each token, [M].</summary>
    Tensor Ratio(PolicyTokens tokens);

    /// <summary>Loss of each token, [M]; a loss of whole sequences stands on each of their tokens.</summary>
    Tensor PerToken(PolicyTokens tokens);
}
