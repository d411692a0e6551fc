using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Estimates a return from the features of a token: linear, or with one hidden layer, W₂·relu(W₁·x + b₁) + b₂. Computes in float32.</summary>
/// <remarks>The last layer starts at 0, so that first estimates are 0 and do not disturb the policy.</remarks>
public sealed class ValueHead : IDisposable
{
    private readonly Parameter? hiddenWeight; // [E, D]
    private readonly Parameter? hiddenBias;   // [E]
    private readonly Parameter weight;        // [1, E] or [1, D]
    private readonly Parameter bias;          // [1]

    /// <summary>A fresh head.</summary>
    /// <param name="width">D, features of a token.</param>
    /// <param name="hiddenWidth">E, features of the hidden layer; 0 for a linear head.</param>
    /// <param name="seed">Seed of the hidden layer's weights.</param>
    /// <param name="device">Where the weights live; null for CPU.</param>
    public ValueHead(int width, int hiddenWidth = 0, ulong seed = 0, Device? device = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(hiddenWidth);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        if (hiddenWidth > 0)
        {
            using var generator = new Generator(seed, torch.CPU);
            hiddenWeight = Owned(randn([hiddenWidth, width], generator: generator).mul_(Scalars.Of(Math.Sqrt(2.0 / width))));
            hiddenBias = Owned(zeros(hiddenWidth));
        }

        weight = Owned(zeros(1, hiddenWidth > 0 ? hiddenWidth : width));
        bias = Owned(zeros(1));

        Parameter Owned(Tensor values)
        {
            var parameter = new Parameter((device is null ? values : values.to(device)).DetachFromDisposeScope());
            parameter.DetachFromDisposeScope();
            return parameter;
        }
    }

    /// <summary>Its parameters with the names under which it is saved.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters => hiddenWeight is null
        ? [("v_head.weight", weight), ("v_head.bias", bias)]
        : [("v_head.0.weight", hiddenWeight), ("v_head.0.bias", hiddenBias!), ("v_head.2.weight", weight), ("v_head.2.bias", bias)];

    /// <summary>Values of tokens, float32.</summary>
    /// <param name="hidden">Features after the final norm, [M, D].</param>
    /// <returns>[M]</returns>
    public Tensor Forward(Tensor hidden)
    {
        var x = hidden.dtype == ScalarType.Float32 ? hidden : hidden.to(ScalarType.Float32);  // [M, D]
        if (hiddenWeight is not null)
        {
            x = nn.functional.relu(nn.functional.linear(x, hiddenWeight, hiddenBias));  // [M, E]
        }

        return nn.functional.linear(x, weight, bias).squeeze(1);  // [M]
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, parameter) in Parameters)
        {
            parameter.grad?.Dispose();
            parameter.Dispose();
        }
    }
}
