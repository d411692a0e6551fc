using RlPrimitives.Models.Architectures;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Attention;

/// <summary>The memory of float32 heads on the processor, [N, heads, hd]; tokens may lie apart, as in a slice of a larger product.</summary>
internal sealed unsafe class HeadRows : IDisposable
{
    private readonly Tensor tensor;
    private readonly float* data;

    /// <param name="rows">[N, heads, hd]; it is copied where the heads of a token lie apart.</param>
    public HeadRows(Tensor rows)
    {
        tensor = rows.stride(2) == 1 && rows.stride(1) == rows.size(2) ? rows.alias() : rows.contiguous();
        data = HostOperations.DataOf(tensor);
        Stride = tensor.stride(0);
        Heads = (int)rows.size(1);
        Width = (int)rows.size(2);
    }

    /// <summary>Heads of a token.</summary>
    public int Heads { get; }

    /// <summary>hd, features of a head.</summary>
    public int Width { get; }

    /// <summary>From one token to the next, numbers.</summary>
    public long Stride { get; }

    /// <summary>Where a head of a token begins.</summary>
    public float* At(long token, int head) => data + (token * Stride) + (head * Width);

    /// <inheritdoc/>
    public void Dispose() => tensor.Dispose();
}
