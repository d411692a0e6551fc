using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>Makes parameters that no dispose scope of the caller ends.</summary>
internal static class Weights
{
    [ThreadStatic]
    private static bool shapesOnly;

    /// <summary>Builds a model whose parameters have shapes but no memory: to compare with a checkpoint before anything large is allocated.</summary>
    public static TModel ShapesOnly<TModel>(Func<TModel> build)
    {
        shapesOnly = true;
        try
        {
            return build();
        }
        finally
        {
            shapesOnly = false;
        }
    }

    /// <summary>An uninitialised float32 parameter; the loader or the initialiser fills it.</summary>
    public static Parameter Empty(params long[] shape)
    {
        using var raw = shapesOnly ? empty(shape, device: new Device(DeviceType.META)) : empty(shape);
        var parameter = new Parameter(raw.DetachFromDisposeScope());
        parameter.DetachFromDisposeScope();
        return parameter;
    }
}

/// <summary>x·Wᵀ + b, weight [out, in].</summary>
internal sealed class Dense : nn.Module
{
    public readonly Parameter weight;
    public readonly Parameter? bias;

    public Dense(int inFeatures, int outFeatures, bool hasBias)
        : base(nameof(Dense))
    {
        weight = Weights.Empty(outFeatures, inFeatures);
        bias = hasBias ? Weights.Empty(outFeatures) : null;
        RegisterComponents();
    }

    /// <summary>[N, in] → [N, out]</summary>
    public Tensor Forward(Tensor x) => nn.functional.linear(x, weight, bias);

    /// <summary>Weight and bias as they are now (moving a module to a device replaces them).</summary>
    public (Tensor Weight, Tensor? Bias) Current() => (weight, bias);
}

/// <summary>Several <see cref="Dense"/> layers (weight [out, in]) on one input, as one product with a cached contiguous Wᵀ where the weights stand still.</summary>
/// <remarks>On CPU that beats separate <c>linear</c> calls by 1.1–1.5× at decoding's small N; on other devices it is not done, to save memory.</remarks>
internal sealed class FusedDense(params Func<(Tensor Weight, Tensor? Bias)>[] parts) : IDisposable
{
    private Tensor? transposed; // [in, Σ out]
    private Tensor? bias;       // [Σ out]
    private readonly Lock sync = new();
    private long version = -1;

    /// <summary>[N, in] → [N, Σ out]</summary>
    public Tensor Forward(Tensor x, long weightsVersion)
    {
        lock (sync) // several backends may run one model, each on its thread: none may renew what another multiplies with
        {
            if (version != weightsVersion)
            {
                Refresh();
                version = weightsVersion;
            }

            return bias is null ? x.mm(transposed!) : bias.addmm(x, transposed!, 1, 1);
        }
    }

    public void Dispose()
    {
        transposed?.Dispose();
        bias?.Dispose();
    }

    private void Refresh()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Dispose();
        var tensors = parts.Select(p => p()).ToArray();
        transposed = cat(tensors.Select(p => p.Weight.detach()).ToArray(), 0).t().contiguous().DetachFromDisposeScope();
        bias = tensors.Any(p => p.Bias is not null)
            ? cat(tensors.Select(p => p.Bias?.detach() ?? p.Weight.new_zeros(p.Weight.size(0))).ToArray(), 0).DetachFromDisposeScope()
            : null;
    }
}

/// <summary>x / √(mean(x²) + ε) · w over the last dimension, in float32 (Zhang and Sennrich 2019, arXiv:1910.07467).</summary>
internal sealed class RmsNorm : nn.Module
{
    public readonly Parameter weight;
    private readonly double epsilon;

    public RmsNorm(int features, double epsilon)
        : base(nameof(RmsNorm))
    {
        weight = Weights.Empty(features);
        this.epsilon = epsilon;
        RegisterComponents();
    }

    /// <summary>[…, D] → […, D]</summary>
    public Tensor Forward(Tensor x)
    {
        var x32 = x.dtype == ScalarType.Float32 ? x : x.to(ScalarType.Float32);
        var scale = x32.square().mean([-1], keepdim: true).add(epsilon).rsqrt();  // […, 1]
        var normal = x32.mul(scale);
        return (x.dtype == ScalarType.Float32 ? normal : normal.to(x.dtype)).mul(weight);
    }
}

/// <summary>Weight and bias of a LayerNorm over the last dimension (Ba et al. 2016, arXiv:1607.06450).</summary>
internal sealed class LayerNormWeights : nn.Module
{
    public readonly Parameter weight;
    public readonly Parameter bias;
    private readonly long[] shape;
    private readonly double epsilon;

    public LayerNormWeights(int features, double epsilon)
        : base(nameof(LayerNormWeights))
    {
        weight = Weights.Empty(features);
        bias = Weights.Empty(features);
        shape = [features];
        this.epsilon = epsilon;
        RegisterComponents();
    }

    /// <summary>[…, D] → […, D]</summary>
    public Tensor Forward(Tensor x) => nn.functional.layer_norm(x, shape, weight, bias, epsilon);
}

/// <summary>A table of vectors, weight [rows, D].</summary>
internal sealed class EmbeddingTable : nn.Module
{
    public readonly Parameter weight;

    public EmbeddingTable(int rows, int features)
        : base(nameof(EmbeddingTable))
    {
        weight = Weights.Empty(rows, features);
        RegisterComponents();
    }

    /// <summary>int64 [N] → [N, D]</summary>
    public Tensor Forward(Tensor ids) => AtenOperators.Embedding(weight, ids);
}
