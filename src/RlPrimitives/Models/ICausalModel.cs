using RlPrimitives.Models.Attention;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>A decoder-only transformer: tokens in, features of the last layer out. What a new architecture implements.</summary>
public interface ICausalModel : IDisposable
{
    /// <summary>Its shape.</summary>
    ModelConfig Config { get; }

    /// <summary>Features after the final norm, [N, D].</summary>
    /// <param name="tokens">N tokens of B rows.</param>
    /// <param name="attention">How the tokens see one another (and a cache).</param>
    /// <param name="weightsVersion">
    /// Null while gradients are wanted. Otherwise the version of the weights: the model may keep fused copies made for that version.
    /// </param>
    /// <param name="recompute">
    /// Whether gradients are wanted but no layer shall keep what its backward pass needs: it is then computed again from the layer's input.
    /// <paramref name="attention"/> attends within the rows only, and <paramref name="weightsVersion"/> is null.
    /// </param>
    Tensor Hidden(PackedTokens tokens, IAttention attention, long? weightsVersion, bool recompute = false);

    /// <summary>Logits of given features, [M, D] → [M, V].</summary>
    /// <param name="hidden">Features from <see cref="Hidden"/>.</param>
    /// <param name="weightsVersion">As in <see cref="Hidden"/>.</param>
    Tensor Logits(Tensor hidden, long? weightsVersion);

    /// <summary>The output head's weight, [V, D].</summary>
    Parameter HeadWeight { get; }

    /// <summary>Every parameter once, under the checkpoint's own name, tied ones under the embedding's.</summary>
    IEnumerable<(string Name, Parameter Parameter)> NamedParameters { get; }

    /// <summary>The name in this model of a tensor of a checkpoint; null for a tensor to ignore (old mask buffers, a tied head).</summary>
    string? ParameterNameOf(string checkpointName);
}
