using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>s·B·A beside the weight of one linear layer, in float32 whatever the layer's type (Hu et al. 2021, arXiv:2106.09685).</summary>
internal sealed class LowRankUpdate : IDisposable
{
    private readonly float scale;
    private readonly LoraSwitch switchedOff;

    /// <param name="layer">The layer.</param>
    /// <param name="rank">r</param>
    /// <param name="scale">s</param>
    /// <param name="switchedOff">Whether the update counts at the moment.</param>
    public LowRankUpdate(ILinear layer, int rank, double scale, LoraSwitch switchedOff)
    {
        var (weight, _) = layer.Own();
        (this.scale, this.switchedOff) = ((float)scale, switchedOff);
        A = Weights.Empty(weight.device, rank, weight.size(layer.IsTransposed ? 0 : 1));
        B = Weights.Empty(weight.device, weight.size(layer.IsTransposed ? 1 : 0), rank);
    }

    /// <summary>[r, in]</summary>
    public Parameter A { get; }

    /// <summary>[out, r]</summary>
    public Parameter B { get; }

    /// <summary>Uniform A within ±1/√in, which is Kaiming's bound for a = √5, and B = 0: the model is unchanged at first.</summary>
    public void Initialize(Generator generator)
    {
        var bound = 1 / Math.Sqrt(A.size(1));
        A.copy_(rand(A.shape, generator: generator).mul_(Scalars.Of(2 * bound)).sub_(Scalars.Of(bound)));
        B.zero_().Dispose();
    }

    /// <summary>y + s·(x·Aᵀ)·Bᵀ: [N, out] and [N, in] → [N, out], in the type of y.</summary>
    public Tensor AddTo(Tensor y, Tensor x)
    {
        if (switchedOff.IsOff)
        {
            return y;
        }

        var inner = nn.functional.linear(x.to(ScalarType.Float32), A);  // [N, r]
        return y.to(ScalarType.Float32).addmm(inner, B.t(), 1, scale).to(y.dtype);
    }

    /// <summary>W + s·B·A as a new tensor in the type and layout of W; W itself while switched off.</summary>
    public Tensor Merge(Tensor weight, bool transposed)
    {
        if (switchedOff.IsOff)
        {
            return weight;
        }

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var whole = transposed ? weight.t() : weight;  // [out, in]
        var merged = whole.to(ScalarType.Float32).addmm(B, A, 1, scale).to(weight.dtype);
        return (transposed ? merged.t().contiguous() : merged).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
    }
}
