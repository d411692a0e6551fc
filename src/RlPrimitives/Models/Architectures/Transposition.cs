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
        HostOperations.Rows((columns + Tile - 1) / Tile, rows * Tile, (_, start, end) =>
        {
            for (var column = start * Tile; column < Math.Min(end * Tile, columns); column += Tile)
            {
                for (var row = 0L; row < rows; row += Tile)
                {
                    var (height, width) = ((int)Math.Min(Tile, rows - row), (int)Math.Min(Tile, columns - column));
                    float* a = from + (row * stride) + column, b = to + (column * rows) + row;
                    if (Avx.IsSupported && height == Tile && width == Tile)
                    {
                        Eight(a, stride, b, rows);
                        Eight(a + (8 * stride), stride, b + 8, rows);
                        Eight(a + 8, stride, b + (8 * rows), rows);
                        Eight(a + (8 * stride) + 8, stride, b + (8 * rows) + 8, rows);
                    }
                    else
                    {
                        Any(a, stride, b, rows, height, width);
                    }
                }
            }
        });
        return result;
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
