using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>Transposed copies of float32 matrices on the processor: 8×8 at a time in registers, where libtorch copies number by number on one thread.</summary>
internal static unsafe class Transposition
{
    private const int Tile = 16;

    /// <summary>[R, C] → [C, R], contiguous; no gradients.</summary>
    /// <param name="matrix">[R, C]; its rows may lie apart, the numbers of a row may not.</param>
    public static Tensor Of(Tensor matrix)
    {
        using var source = matrix.stride(1) == 1 ? matrix.alias() : matrix.contiguous();
        long rows = source.size(0), columns = source.size(1), stride = source.stride(0);
        var result = empty(columns, rows);
        float* from = HostOperations.DataOf(source), to = HostOperations.DataOf(result);
        // Tiles as wide as a cache line, so that lines are read and written whole whatever the distance of the rows.
        HostOperations.Rows((columns + Tile - 1) / Tile, rows * Tile, (start, end) =>
        {
            var (first, width) = (start * Tile, Math.Min(end * Tile, columns) - (start * Tile));
            Copy(from + first, stride, to + (first * rows), rows, rows, width);
        });
        return result;
    }

    /// <summary>[rows, columns] → [columns, rows]</summary>
    /// <param name="from">The matrix.</param>
    /// <param name="fromStride">From one of its rows to the next, numbers.</param>
    /// <param name="to">Where its transpose goes.</param>
    /// <param name="toStride">From one of that one's rows to the next.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix.</param>
    public static void Copy(float* from, long fromStride, float* to, long toStride, long rows, long columns)
    {
        for (var column = 0L; column < columns; column += Tile)
        {
            for (var row = 0L; row < rows; row += Tile)
            {
                var (height, width) = ((int)Math.Min(Tile, rows - row), (int)Math.Min(Tile, columns - column));
                float* a = from + (row * fromStride) + column, b = to + (column * toStride) + row;
                if (Avx.IsSupported && height == Tile && width == Tile)
                {
                    Eight(a, fromStride, b, toStride);
                    Eight(a + (8 * fromStride), fromStride, b + 8, toStride);
                    Eight(a + 8, fromStride, b + (8 * toStride), toStride);
                    Eight(a + (8 * fromStride) + 8, fromStride, b + (8 * toStride) + 8, toStride);
                }
                else
                {
                    Any(a, fromStride, b, toStride, height, width);
                }
            }
        }
    }

    private static void Any(float* from, long fromStride, float* to, long toStride, int height, int width)
    {
        for (var i = 0; i < height; i++)
        {
            for (var j = 0; j < width; j++)
            {
                to[(j * toStride) + i] = from[(i * fromStride) + j];
            }
        }
    }

    // 8×8 numbers: pairs, then fours, then halves change places.
    private static void Eight(float* from, long fromStride, float* to, long toStride)
    {
        var a0 = Vector256.Load(from);
        var a1 = Vector256.Load(from + fromStride);
        var a2 = Vector256.Load(from + (2 * fromStride));
        var a3 = Vector256.Load(from + (3 * fromStride));
        var a4 = Vector256.Load(from + (4 * fromStride));
        var a5 = Vector256.Load(from + (5 * fromStride));
        var a6 = Vector256.Load(from + (6 * fromStride));
        var a7 = Vector256.Load(from + (7 * fromStride));
        Vector256<float> b0 = Avx.UnpackLow(a0, a1), b1 = Avx.UnpackHigh(a0, a1), b2 = Avx.UnpackLow(a2, a3), b3 = Avx.UnpackHigh(a2, a3);
        Vector256<float> b4 = Avx.UnpackLow(a4, a5), b5 = Avx.UnpackHigh(a4, a5), b6 = Avx.UnpackLow(a6, a7), b7 = Avx.UnpackHigh(a6, a7);
        Vector256<float> c0 = Avx.Shuffle(b0, b2, 0x44), c1 = Avx.Shuffle(b0, b2, 0xEE), c2 = Avx.Shuffle(b1, b3, 0x44), c3 = Avx.Shuffle(b1, b3, 0xEE);
        Vector256<float> c4 = Avx.Shuffle(b4, b6, 0x44), c5 = Avx.Shuffle(b4, b6, 0xEE), c6 = Avx.Shuffle(b5, b7, 0x44), c7 = Avx.Shuffle(b5, b7, 0xEE);
        Avx.Permute2x128(c0, c4, 0x20).Store(to);
        Avx.Permute2x128(c1, c5, 0x20).Store(to + toStride);
        Avx.Permute2x128(c2, c6, 0x20).Store(to + (2 * toStride));
        Avx.Permute2x128(c3, c7, 0x20).Store(to + (3 * toStride));
        Avx.Permute2x128(c0, c4, 0x31).Store(to + (4 * toStride));
        Avx.Permute2x128(c1, c5, 0x31).Store(to + (5 * toStride));
        Avx.Permute2x128(c2, c6, 0x31).Store(to + (6 * toStride));
        Avx.Permute2x128(c3, c7, 0x31).Store(to + (7 * toStride));
    }
}
