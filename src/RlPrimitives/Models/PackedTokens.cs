using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>Rows of different lengths laid end to end, N tokens in all: what every layer but attention computes on, so no padding is computed.</summary>
/// <remarks>Attention needs rows side by side; <see cref="Pad"/> and <see cref="Unpad"/> go there and back, and cost nothing where all rows are equally long.</remarks>
public sealed class PackedTokens : IDisposable
{
    private readonly Tensor? padIndex;
    private readonly Tensor? unpadIndex;

    /// <summary>Packs rows that start at position 0.</summary>
    /// <param name="rows">Token ids of each row; none empty.</param>
    /// <param name="device">Where the tensors live; null for CPU.</param>
    public PackedTokens(IReadOnlyList<int[]> rows, Device? device = null)
        : this(rows, null, device)
    {
    }

    /// <summary>Packs rows that continue cached sequences.</summary>
    /// <param name="rows">Token ids of each row; none empty.</param>
    /// <param name="starts">Position of each row's first token; null for 0.</param>
    /// <param name="device">Where the tensors live; null for CPU.</param>
    /// <exception cref="ArgumentException">There is no row, or one is empty.</exception>
    public PackedTokens(IReadOnlyList<int[]> rows, int[]? starts, Device? device = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.Count == 0 || rows.Any(r => r.Length == 0))
        {
            throw new ArgumentException(rows.Count == 0 ? "There are no rows to pack." : $"Row {rows.ToList().FindIndex(r => r.Length == 0)} holds no tokens.", nameof(rows));
        }

        Lengths = rows.Select(r => r.Length).ToArray();
        Count = Lengths.Sum();
        MaxLength = Lengths.Max();
        long[] ids = new long[Count], positions = new long[Count];
        Offsets = new int[Rows];
        var n = 0;
        for (var b = 0; b < rows.Count; b++)
        {
            Offsets[b] = n;
            for (var t = 0; t < rows[b].Length; t++, n++)
            {
                ids[n] = rows[b][t];
                positions[n] = (starts?[b] ?? 0) + t;
            }
        }

        Ids = Models.Tensors.Detached(ids, device);
        Positions = Models.Tensors.Detached(positions, device);
        if (Rows * MaxLength == Count)
        {
            return;
        }

        long[] pad = new long[Rows * MaxLength], unpad = new long[Count];
        n = 0;
        for (var b = 0; b < Rows; b++)
        {
            for (var t = 0; t < Lengths[b]; t++, n++)
            {
                pad[(b * MaxLength) + t] = n;
                unpad[n] = (b * MaxLength) + t;
            }
        }

        padIndex = Models.Tensors.Detached(pad, device);
        unpadIndex = Models.Tensors.Detached(unpad, device);
    }

    private PackedTokens(PackedTokens like, IReadOnlyList<Tensor> tensors)
    {
        (Lengths, Count, MaxLength, Offsets) = (like.Lengths, like.Count, like.MaxLength, like.Offsets);
        (Ids, Positions) = (tensors[0], tensors[1]);
        (padIndex, unpadIndex) = tensors.Count == 2 ? (null, null) : (tensors[2], tensors[3]);
    }

    /// <summary>N, tokens in all rows.</summary>
    public int Count { get; }

    /// <summary>B, the number of rows.</summary>
    public int Rows => Lengths.Length;

    /// <summary>Tokens of each row, [B].</summary>
    public int[] Lengths { get; }

    /// <summary>T, tokens of the longest row.</summary>
    public int MaxLength { get; }

    /// <summary>Token ids, int64 [N].</summary>
    public Tensor Ids { get; }

    /// <summary>Position of each token in its own sequence, int64 [N].</summary>
    public Tensor Positions { get; }

    /// <summary>Index of each row's first token among the N, [B].</summary>
    public int[] Offsets { get; }

    /// <summary>[N, …] → [B, T, …]; what stands at padded places is arbitrary.</summary>
    public Tensor Pad(Tensor packed)
    {
        var shape = packed.shape;
        var padded = padIndex is null ? packed : packed.index_select(0, padIndex);
        return padded.view([Rows, MaxLength, .. shape[1..]]);
    }

    /// <summary>[B, T, …] → [N, …], the real tokens only.</summary>
    public Tensor Unpad(Tensor padded)
    {
        var shape = padded.shape;
        var flat = padded.reshape([shape[0] * shape[1], .. shape[2..]]);
        return unpadIndex is null ? flat : flat.index_select(0, unpadIndex);
    }

    /// <summary>All that is native here, to be kept beyond this object's life.</summary>
    internal Tensor[] Tensors => padIndex is null ? [Ids, Positions] : [Ids, Positions, padIndex, unpadIndex!];

    /// <summary>The same rows over tensors kept from <see cref="Tensors"/>, which stay their owner's.</summary>
    internal PackedTokens Over(IReadOnlyList<Tensor> tensors) => new(this, tensors);

    /// <inheritdoc/>
    public void Dispose()
    {
        Ids.Dispose();
        Positions.Dispose();
        padIndex?.Dispose();
        unpadIndex?.Dispose();
    }
}
