using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>From tokens to sequences and back: M tokens of B sequences lie one sequence after the other. Gradients pass through.</summary>
public static class Sequences
{
    /// <summary>Σ_t x_t of each sequence.</summary>
    /// <param name="perToken">x, [M].</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1, in sum M.</param>
    /// <returns>[B]</returns>
    /// <exception cref="ArgumentException">The lengths do not add up to M.</exception>
    public static Tensor Sum(Tensor perToken, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckVector(perToken);
        Check(perToken.shape[0], lengths);
        return zeros([lengths.Length], perToken.dtype, perToken.device).index_add(0, RowOfToken(lengths, perToken.device), perToken, Scalars.Of(1));  // [B]
    }

    /// <summary>Mean of each sequence, (1/L)·Σ_t x_t.</summary>
    /// <inheritdoc cref="Sum"/>
    public static Tensor Mean(Tensor perToken, ReadOnlySpan<int> lengths)
    {
        var sum = Sum(perToken, lengths);  // [B]
        return sum / tensor(lengths.ToArray(), dtype: perToken.dtype, device: perToken.device);  // [B]
    }

    /// <summary>Each sequence's number on each of its tokens.</summary>
    /// <param name="perSequence">x, [B].</param>
    /// <param name="lengths">Tokens of each sequence, [B]; each at least 1.</param>
    /// <returns>[M]</returns>
    /// <exception cref="ArgumentException">There are not as many numbers as lengths.</exception>
    public static Tensor Spread(Tensor perSequence, ReadOnlySpan<int> lengths)
    {
        Shapes.CheckVector(perSequence);
        if (perSequence.shape[0] != lengths.Length)
        {
            throw new ArgumentException($"perSequence has shape [{perSequence.shape[0]}], lengths {lengths.Length} elements; they must be equal.");
        }

        return perSequence.index_select(0, RowOfToken(lengths, perSequence.device));  // [M]
    }

    /// <exception cref="ArgumentOutOfRangeException">A length is below 1.</exception>
    /// <exception cref="ArgumentException">The lengths do not add up to the number of tokens.</exception>
    internal static void Check(long tokens, ReadOnlySpan<int> lengths)
    {
        long sum = 0;
        foreach (var length in lengths)
        {
            sum += length >= 1 ? length : throw new ArgumentOutOfRangeException(nameof(lengths), length, "Every sequence needs at least one trained token.");
        }

        if (sum != tokens)
        {
            throw new ArgumentException($"The lengths of {lengths.Length} sequences add up to {sum}, but there are {tokens} tokens; they must be equal.");
        }
    }

    private static Tensor RowOfToken(ReadOnlySpan<int> lengths, Device device)
    {
        var rows = new List<long>();
        for (var b = 0; b < lengths.Length; b++)
        {
            rows.AddRange(Enumerable.Repeat((long)b, lengths[b]));
        }

        return tensor(rows.ToArray(), device: device);  // int64 [M]
    }
}
