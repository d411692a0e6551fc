using System.Numerics;
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

    /// <summary>Whether the functions here take such a tensor.</summary>
    public static bool Fits(Tensor x) => x.dtype == ScalarType.Float32 && x.device_type == DeviceType.CPU;

    /// <summary>Address of the first element of a float32 tensor.</summary>
    public static float* DataOf(Tensor x) => (float*)AtenOperators.DataOf(x);

    /// <summary>Address of the first element of an int64 tensor.</summary>
    public static long* IdsOf(Tensor ids) => (long*)AtenOperators.DataOf(ids);

    /// <summary>Runs <paramref name="body"/> over pieces of [0, rows), on as many threads as the work is worth; pieces do not depend on the number of threads.</summary>
    /// <param name="rows">How many rows.</param>
    /// <param name="width">Elements of a row.</param>
    /// <param name="body">Gets the piece's number, its first row and the row after its last.</param>
    public static void Rows(long rows, long width, Action<int, long, long> body)
    {
        var atOnce = RowsAtOnce(width);
        var pieces = (int)((rows + atOnce - 1) / atOnce);
        ComputeTeam.For(pieces, pieces > 1 ? get_num_threads() : 1, piece => body(piece, piece * atOnce, Math.Min(rows, (piece + 1) * atOnce)));
    }

    /// <summary>Pieces that <see cref="Rows"/> makes.</summary>
    public static int Pieces(long rows, long width) => (int)((rows + RowsAtOnce(width) - 1) / RowsAtOnce(width));

    /// <summary>eˣ to two units of the last place, where <see cref="Vector.Exp(Vector{float})"/> computes in doubles; 0 below −87.3, ∞ above 88.3.</summary>
    /// <remarks>x = n·ln 2 + r with |r| ≤ ln 2/2, eʳ by a polynomial, and n into the exponent's bits.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Exp(Vector<float> x)
    {
        var shift = new Vector<float>(12582912f); // 1.5·2²³: added, it leaves the nearest whole number in the lowest bits
        var shifted = Vector.FusedMultiplyAdd(x, new Vector<float>(1.44269504f), shift); // + x/ln 2
        var n = shifted - shift;
        var r = Vector.FusedMultiplyAdd(n, new Vector<float>(-0.693359375f), x);
        r = Vector.FusedMultiplyAdd(n, new Vector<float>(2.12194440e-4f), r);
        var p = Vector.FusedMultiplyAdd(r, new Vector<float>(1.9875691e-4f), new Vector<float>(1.3981999e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(8.3334519e-3f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(4.1665796e-2f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(0.16666665f));
        p = Vector.FusedMultiplyAdd(p, r, new Vector<float>(0.5f));
        p = Vector.FusedMultiplyAdd(p, r * r, r) + Vector<float>.One;
        var result = Vector.AsVectorSingle(Vector.AsVectorInt32(p) + Vector.ShiftLeft(Vector.AsVectorInt32(shifted), 23));
        result = Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(-87.3f)), Vector<float>.Zero, result);
        result = Vector.ConditionalSelect(Vector.GreaterThan(x, new Vector<float>(88.3f)), new Vector<float>(float.PositiveInfinity), result);
        return Vector.ConditionalSelect(Vector.Equals(x, x), result, x); // not a number stays so
    }

    /// <summary>1/(1 + e⁻ˣ)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Exp(-x));

    /// <inheritdoc cref="Sigmoid(Vector{float})"/>
    public static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));

    private static long RowsAtOnce(long width) => Math.Max(1, ElementsAtOnce / Math.Max(1, width));
}
