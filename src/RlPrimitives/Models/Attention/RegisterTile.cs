using System.Numerics;
using System.Runtime.CompilerServices;

namespace RlPrimitives.Models.Attention;

/// <summary>Products of small float32 matrices, a tile of the result at a time in the processor's registers: for pieces that lie in its caches.</summary>
/// <remarks>
/// Six rows of two vectors are twelve sums, which with the operands fill sixteen registers and keep both multipliers of a core busy. One number of A is
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
    [MethodImpl(MethodImplOptions.NoInlining)] // in a larger method the sums would not all find a register
    public static void Multiply(float* a, nint aRow, nint aStep, float* b, nint bRow, int steps, float* c, nint cRow, int columns, bool add)
    {
        var width = Vector<float>.Count;
        for (var column = 0; column < columns; column += 2 * width, b += 2 * width, c += 2 * width)
        {
            Vector<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
            Vector<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
            float* x = a, y = b;
            for (var step = 0; step < steps; step++, x += aStep, y += bRow)
            {
                Vector<float> left = Vector.Load(y), right = Vector.Load(y + width);
                var number = new Vector<float>(*x);
                c00 = Vector.FusedMultiplyAdd(number, left, c00);
                c01 = Vector.FusedMultiplyAdd(number, right, c01);
                number = new Vector<float>(x[aRow]);
                c10 = Vector.FusedMultiplyAdd(number, left, c10);
                c11 = Vector.FusedMultiplyAdd(number, right, c11);
                number = new Vector<float>(x[2 * aRow]);
                c20 = Vector.FusedMultiplyAdd(number, left, c20);
                c21 = Vector.FusedMultiplyAdd(number, right, c21);
                number = new Vector<float>(x[3 * aRow]);
                c30 = Vector.FusedMultiplyAdd(number, left, c30);
                c31 = Vector.FusedMultiplyAdd(number, right, c31);
                number = new Vector<float>(x[4 * aRow]);
                c40 = Vector.FusedMultiplyAdd(number, left, c40);
                c41 = Vector.FusedMultiplyAdd(number, right, c41);
                number = new Vector<float>(x[5 * aRow]);
                c50 = Vector.FusedMultiplyAdd(number, left, c50);
                c51 = Vector.FusedMultiplyAdd(number, right, c51);
            }

            Put(c, width, c00, c01, add);
            Put(c + cRow, width, c10, c11, add);
            Put(c + (2 * cRow), width, c20, c21, add);
            Put(c + (3 * cRow), width, c30, c31, add);
            Put(c + (4 * cRow), width, c40, c41, add);
            Put(c + (5 * cRow), width, c50, c51, add);
        }
    }

    private static void Put(float* to, int width, Vector<float> left, Vector<float> right, bool add)
    {
        (add ? Vector.Load(to) + left : left).Store(to);
        (add ? Vector.Load(to + width) + right : right).Store(to + width);
    }
}
