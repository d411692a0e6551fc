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
    public static Parameter Empty(params long[] shape) => Empty(shapesOnly ? new Device(DeviceType.META) : torch.CPU, shape);

    /// <inheritdoc cref="Empty(long[])"/>
    public static Parameter Empty(Device device, params long[] shape)
    {
        using var raw = empty(shape, device: device);
        var parameter = new Parameter(raw.DetachFromDisposeScope());
        parameter.DetachFromDisposeScope();
        return parameter;
    }
}

/// <summary>A linear layer, which may carry a low-rank update.</summary>
internal interface ILinear
{
    /// <summary>Whether the weight lies [in, out], as GPT-2's do, and not [out, in].</summary>
    bool IsTransposed { get; }

    /// <summary>Added to the layer's result, and to the copies of its weight made for speed; null for none.</summary>
    LowRankUpdate? Update { get; set; }

    /// <summary>Weight and bias without the update, as they are now (moving a module to a device replaces them).</summary>
    (Parameter Weight, Parameter? Bias) Own();
}

/// <summary>x·Wᵀ + b, weight [out, in].</summary>
internal sealed class Dense : nn.Module, ILinear
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

    public bool IsTransposed => false;

    public LowRankUpdate? Update { get; set; }

    /// <summary>[N, in] → [N, out]</summary>
    public Tensor Forward(Tensor x)
    {
        var y = Product(x, weight, bias);
        return Update?.AddTo(y, x) ?? y;
    }

    /// <summary>x·Wᵀ + b, weight [out, in], with gradients.</summary>
    public static Tensor Product(Tensor x, Tensor weight, Tensor? bias) =>
        LinearProduct.IsFaster(x) ? LinearProduct.Apply(x, weight, bias, transposed: false) : nn.functional.linear(x, weight, bias);

    public (Parameter Weight, Parameter? Bias) Own() => (weight, bias);

    /// <summary>Weight with its update, and bias, as they are now.</summary>
    public (Tensor Weight, Tensor? Bias) Current() => (Update?.Merge(weight, transposed: false) ?? weight, bias);
}

/// <summary>Several linear layers on one input, with gradients, as one product where that is the faster way: one gradient by the input, and none to add.</summary>
/// <remarks>It takes a copy of the weights, which lives as long as the graph: not on a device, whose memory is scarce and whose products are large anyway.</remarks>
internal sealed class JointDense(params Dense[] parts)
{
    private const int RowsWorthACopy = 256;

    /// <summary>Whether it is one product.</summary>
    public bool Fits(Tensor x) =>
        HostOperations.Fits(x) && x.size(0) >= RowsWorthACopy && parts.All(p => p.Update is null && (p.bias is null) == (parts[0].bias is null));

    /// <summary>[N, in] → [N, Σ out]</summary>
    public Tensor Forward(Tensor x)
    {
        if (!Fits(x))
        {
            return cat(parts.Select(p => p.Forward(x)).ToArray(), 1);
        }

        var weight = cat(parts.Select(p => (Tensor)p.weight).ToArray(), 0);  // [Σ out, in]
        var bias = parts[0].bias is null ? null : cat(parts.Select(p => (Tensor)p.bias!).ToArray(), 0);  // [Σ out]
        return Dense.Product(x, weight, bias);
    }
}

/// <summary>Several linear layers (weight [out, in]) on one input, as one product with a cached copy of the weights where these stand still.</summary>
/// <remarks>
/// The copy is in the layout fastest at decoding's small N: panels where the processor likes them, otherwise packed for oneDNN where libtorch has that,
/// a contiguous Wᵀ elsewhere. On other devices than CPU it is not made, to save memory.
/// </remarks>
internal sealed class FusedDense(params Func<(Tensor Weight, Tensor? Bias)>[] parts) : IDisposable
{
    private PanelWeight? panels;
    private (Tensor Weight, Tensor? Bias)[] current = []; // of each part, [out, in] and [out]: what many rows are multiplied with, beside panels
    private Tensor? packed;     // [Σ out, in], opaque blocks
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

            if (panels is not null)
            {
                return x.size(0) <= PanelWeight.MaxRows ? panels.Times(x) : Separately(x);
            }

            return packed is not null ? AtenOperators.PackedLinear(x, packed, bias)
                : bias is not null ? bias.addmm(x, transposed!, 1, 1)
                : x.mm(transposed!);
        }
    }

    public void Dispose()
    {
        panels?.Dispose();
        packed?.Dispose();
        transposed?.Dispose();
        bias?.Dispose();
        foreach (var (weight, own) in current)
        {
            weight.Dispose();
            own?.Dispose();
        }

        (panels, packed, transposed, bias, current) = (null, null, null, null, []);
    }

    private Tensor Separately(Tensor x)
    {
        var results = Array.ConvertAll(current, p => nn.functional.linear(x, p.Weight, p.Bias));
        return results.Length == 1 ? results[0] : cat(results, 1);
    }

    private void Refresh()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Dispose();
        var tensors = parts.Select(p => p()).ToArray();
        var weight = tensors.Length == 1 ? tensors[0].Weight.detach() : cat(tensors.Select(p => p.Weight.detach()).ToArray(), 0);  // [Σ out, in]
        var whole = tensors.Any(p => p.Bias is not null)
            ? cat(tensors.Select(p => p.Bias?.detach() ?? p.Weight.new_zeros(p.Weight.size(0))).ToArray(), 0)
            : null;  // [Σ out]
        if (PanelWeight.Fits(weight))
        {
            panels = new PanelWeight(weight, whole);
            current = Array.ConvertAll(tensors, p => (p.Weight.detach().DetachFromDisposeScope(), p.Bias?.detach().DetachFromDisposeScope()));
            return;
        }

        bias = whole?.DetachFromDisposeScope();
        if (AtenOperators.HasPackedLinear && HostOperations.Fits(weight))
        {
            packed = AtenOperators.PackLinearWeight(weight.contiguous()).DetachFromDisposeScope();
        }
        else
        {
            transposed = weight.t().contiguous().DetachFromDisposeScope();
        }
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
    public Tensor Forward(Tensor x) => Normed(new ResidualStream(x));

    /// <summary>The sum and its norm, […, D].</summary>
    public (Tensor Sum, Tensor Normed) Forward(ResidualStream stream) => ResidualNorm.Apply(stream, weight, null, epsilon);

    /// <summary>The norm alone, […, D].</summary>
    public Tensor Normed(ResidualStream stream) => ResidualNorm.Normed(stream, weight, null, epsilon);
}

/// <summary>Weight and bias of a LayerNorm over the last dimension (Ba et al. 2016, arXiv:1607.06450).</summary>
internal sealed class LayerNormWeights : nn.Module
{
    public readonly Parameter weight;
    public readonly Parameter bias;
    private readonly double epsilon;

    public LayerNormWeights(int features, double epsilon)
        : base(nameof(LayerNormWeights))
    {
        weight = Weights.Empty(features);
        bias = Weights.Empty(features);
        this.epsilon = epsilon;
        RegisterComponents();
    }

    /// <summary>The sum and its norm, […, D].</summary>
    public (Tensor Sum, Tensor Normed) Forward(ResidualStream stream) => ResidualNorm.Apply(stream, weight, bias, epsilon);

    /// <summary>The norm alone, […, D].</summary>
    public Tensor Normed(ResidualStream stream) => ResidualNorm.Normed(stream, weight, bias, epsilon);
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
