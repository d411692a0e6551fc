using System.Numerics;
using System.Runtime.CompilerServices;
using RlPrimitives.Models.Native;

namespace RlPrimitives.Models.Attention;

/// <summary>Products of small float32 matrices, a tile of the result at a time in the processor's registers: for pieces that lie in its caches.</summary>
/// <remarks>
/// Six rows of two vectors are twelve sums, which with the operands fill sixteen registers and keep both multipliers of a core busy. Where registers are
/// 512 bits wide, they are used; sums are in the same order. One number of A is
/// spread over a vector at a time, so A may lie as it likes, transposed too.
/// </remarks>
internal static unsafe class RegisterTile
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 6;

    /// <summary>Columns of a tile.</summary>
    public static int Columns => 2 * Vector<float>.Count;

    /// <summary><paramref name="count"/> or a little more: a whole number of tiles' rows.</summary>
    public static int WholeRows(int count) => (count + Rows - 1) / Rows * Rows;

    /// <summary><paramref name="count"/> or a little more: a whole number of tiles' columns.</summary>
    public static int WholeColumns(int count) => (count + Columns - 1) / Columns * Columns;

    /// <summary>C = A·B, or C += A·B, for six rows of C.</summary>
    /// <param name="a">A [6, steps]</param>
    /// <param name="aRow">From one of its rows to the next, numbers.</param>
    /// <param name="aStep">From one of its columns to the next.</param>
    /// <param name="b">B [steps, columns], its rows' numbers side by side.</param>
    /// <param name="bRow">From one of its rows to the next.</param>
    /// <param name="steps">What is summed over; may be 0.</param>
    /// <param name="c">C [6, columns], its rows' numbers side by side.</param>
    /// <param name="cRow">From one of its rows to the next.</param>
    /// <param name="columns">A multiple of <see cref="Columns"/>.</param>
    /// <param name="add">Whether what C holds is added to.</param>
    public static void Multiply(float* a, nint aRow, nint aStep, float* b, nint bRow, int steps, float* c, nint cRow, int columns, bool add)
    {
        var wide = Lanes512.AreFast ? columns / (2 * Lanes512.Count) * (2 * Lanes512.Count) : 0;
        if (wide > 0)
        {
            Multiply<Lanes512>(a, aRow, aStep, b, bRow, steps, c, cRow, wide, add);
        }

        if (wide < columns)
        {
            Multiply<Lanes>(a, aRow, aStep, b + wide, bRow, steps, c + wide, cRow, columns - wide, add);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // in a larger method the sums would not all find a register
    private static void Multiply<T>(float* a, nint aRow, nint aStep, float* b, nint bRow, int steps, float* c, nint cRow, int columns, bool add)
        where T : struct, ILanes<T>
    {
        var width = T.Count;
        for (var column = 0; column < columns; column += 2 * width, b += 2 * width, c += 2 * width)
        {
            T c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
            T c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
            float* x = a, y = b;
            for (var step = 0; step < steps; step++, x += aStep, y += bRow)
            {
                T left = T.Load(y), right = T.Load(y + width);
                var number = T.Spread(*x);
                c00 = T.MultiplyAdd(number, left, c00);
                c01 = T.MultiplyAdd(number, right, c01);
                number = T.Spread(x[aRow]);
                c10 = T.MultiplyAdd(number, left, c10);
                c11 = T.MultiplyAdd(number, right, c11);
                number = T.Spread(x[2 * aRow]);
                c20 = T.MultiplyAdd(number, left, c20);
                c21 = T.MultiplyAdd(number, right, c21);
                number = T.Spread(x[3 * aRow]);
                c30 = T.MultiplyAdd(number, left, c30);
                c31 = T.MultiplyAdd(number, right, c31);
                number = T.Spread(x[4 * aRow]);
                c40 = T.MultiplyAdd(number, left, c40);
                c41 = T.MultiplyAdd(number, right, c41);
                number = T.Spread(x[5 * aRow]);
                c50 = T.MultiplyAdd(number, left, c50);
                c51 = T.MultiplyAdd(number, right, c51);
            }

            Put(c, c00, c01, add);
            Put(c + cRow, c10, c11, add);
            Put(c + (2 * cRow), c20, c21, add);
            Put(c + (3 * cRow), c30, c31, add);
            Put(c + (4 * cRow), c40, c41, add);
            Put(c + (5 * cRow), c50, c51, add);
        }
    }

    private static void Put<T>(float* to, T left, T right, bool add)
        where T : struct, ILanes<T>
    {
        (add ? T.Load(to) + left : left).Store(to);
        (add ? T.Load(to + T.Count) + right : right).Store(to + T.Count);
    }
}
