using System.Numerics;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>What stands between the matrix products of a layer, for float32 on the processor: one pass over memory each, forward and backward.</summary>
/// <remarks>libtorch makes them of several operations (RMSNorm of six, a rotation of three) that each write and read everything once, and its tanh is slow.</remarks>
internal static unsafe class HostOperations
{
    private const int ElementsAtOnce = 1 << 14; // of a thread's share: some ten microseconds

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

    /// <summary>1/(1 + e⁻ˣ)</summary>
    public static Vector<float> Sigmoid(Vector<float> x) => Vector<float>.One / (Vector<float>.One + Vector.Exp(-x));

    /// <inheritdoc cref="Sigmoid(Vector{float})"/>
    public static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));

    private static long RowsAtOnce(long width) => Math.Max(1, ElementsAtOnce / Math.Max(1, width));
}
