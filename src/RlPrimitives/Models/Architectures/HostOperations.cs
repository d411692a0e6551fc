using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>What stands between the matrix products of a layer, for float32 on the processor: one pass over memory each, forward and backward.</summary>
/// <remarks>libtorch makes them of several operations (RMSNorm of six, a rotation of three) that each write and read everything once, and its tanh is slow.</remarks>
internal static unsafe class HostOperations
{
    private const int ElementsAtOnce = 1 << 12; // of a thread's share: some microseconds
    private const int MostSums = 32; // pieces of a sum over rows

    /// <summary>Adds the shares of rows <paramref name="start"/> … <paramref name="end"/>−1 to <paramref name="sums"/>.</summary>
    public delegate void SumBody(float* sums, long start, long end);

    /// <summary>Whether the functions here take such a tensor.</summary>
    public static bool Fits(Tensor x) => x.dtype == ScalarType.Float32 && x.device_type == DeviceType.CPU;

    /// <summary>Address of the first element of a float32 tensor.</summary>
    public static float* DataOf(Tensor x) => (float*)AtenOperators.DataOf(x);

    /// <summary>Address of the first element of an int64 tensor.</summary>
    public static long* IdsOf(Tensor ids) => (long*)AtenOperators.DataOf(ids);

    /// <summary>Runs <paramref name="body"/> over pieces of [0, rows), on as many threads as the work is worth.</summary>
    /// <param name="rows">How many rows.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="body">Gets a piece's first row and the row after its last.</param>
    public static void Rows(long rows, long width, Action<long, long> body) => Pieces(rows, RowsAtOnce(width), (_, start, end) => body(start, end));

    /// <summary>The same for a <paramref name="body"/> that adds every row's share to sums, [width]. Pieces, and the order of sums, do not depend on the number of threads.</summary>
    /// <param name="rows">How many rows.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="body">Gets a piece's own sums, its first row and the row after its last.</param>
    /// <returns>The sums over all rows, [width].</returns>
    public static Tensor SumRows(long rows, int width, SumBody body)
    {
        var atOnce = Math.Max(RowsAtOnce(width), (rows + MostSums - 1) / MostSums);
        using var sums = zeros((rows + atOnce - 1) / atOnce, width);
        var own = DataOf(sums);
        Pieces(rows, atOnce, (piece, start, end) => body(own + ((long)piece * width), start, end));
        var result = zeros(width);
        var total = new Span<float>(DataOf(result), width);
        for (var piece = 0L; piece < sums.size(0); piece++) // in order, whoever made them
        {
            TensorPrimitives.Add(total, new ReadOnlySpan<float>(own + (piece * width), width), total);
        }

        return result;
    }

    /// <summary>eˣ to two units of the last place, where <see cref="Vector.Exp(Vector{float})"/> computes in doubles; 0 below −87.3, ∞ above 88.3.</summary>
    /// <remarks>x = n·ln 2 + r with |r| ≤ ln 2/2, eʳ by a polynomial, and n into the exponent's bits.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Exp<T>(T x)
        where T : struct, ILanes<T>
    {
        var shift = T.Spread(12582912f); // 1.5·2²³: added, it leaves the nearest whole number in the lowest bits
        var shifted = T.MultiplyAdd(x, T.Spread(1.44269504f), shift); // + x/ln 2
        var n = shifted - shift;
        var r = T.MultiplyAdd(n, T.Spread(-0.693359375f), x);
        r = T.MultiplyAdd(n, T.Spread(2.12194440e-4f), r);
        var p = T.MultiplyAdd(r, T.Spread(1.9875691e-4f), T.Spread(1.3981999e-3f));
        p = T.MultiplyAdd(p, r, T.Spread(8.3334519e-3f));
        p = T.MultiplyAdd(p, r, T.Spread(4.1665796e-2f));
        p = T.MultiplyAdd(p, r, T.Spread(0.16666665f));
        p = T.MultiplyAdd(p, r, T.Spread(0.5f));
        p = T.MultiplyAdd(p, r * r, r) + T.Spread(1);
        var result = T.Scale(p, shifted);
        // What is neither here nor there is not a number, and stays so.
        result = T.WhereLess(x, T.Spread(88.3f), result, x + T.Spread(float.PositiveInfinity));
        return T.WhereLess(x, T.Spread(-87.3f), T.Spread(0), result);
    }

    /// <inheritdoc cref="Exp{T}(T)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x) => Exp(new Lanes(x)).Numbers;

    /// <summary>1/(1 + e⁻ˣ)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Sigmoid<T>(T x)
        where T : struct, ILanes<T> => T.Spread(1) / (T.Spread(1) + Exp(T.Spread(0) - x));

    private static void Pieces(long rows, long atOnce, Action<int, long, long> body)
    {
        var pieces = (int)((rows + atOnce - 1) / atOnce);
        ComputeTeam.For(pieces, pieces > 1 ? get_num_threads() : 1, piece => body(piece, piece * atOnce, Math.Min(rows, (piece + 1) * atOnce)));
    }

    private static long RowsAtOnce(long width) => Math.Max(1, ElementsAtOnce / Math.Max(1, width));
}
