using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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
        var wide = Vector512.IsHardwareAccelerated ? columns / (2 * Lanes512.Count) * (2 * Lanes512.Count) : 0;
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
        (add ? T.Add(T.Load(to), left) : left).Store(to);
        (add ? T.Add(T.Load(to + T.Count), right) : right).Store(to + T.Count);
    }

    // A register's numbers: the code is one for both widths, and so are the results.
    private interface ILanes<T>
        where T : struct, ILanes<T>
    {
        static abstract int Count { get; }

        static abstract T Load(float* from);

        static abstract T Spread(float number);

        static abstract T MultiplyAdd(T a, T b, T sum);

        static abstract T Add(T a, T b);

        void Store(float* to);
    }

    private readonly struct Lanes(Vector<float> numbers) : ILanes<Lanes>
    {
        private readonly Vector<float> numbers = numbers;

        public static int Count => Vector<float>.Count;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes Load(float* from) => new(Vector.Load(from));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes Spread(float number) => new(new Vector<float>(number));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes MultiplyAdd(Lanes a, Lanes b, Lanes sum) => new(Vector.FusedMultiplyAdd(a.numbers, b.numbers, sum.numbers));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes Add(Lanes a, Lanes b) => new(a.numbers + b.numbers);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(float* to) => Vector.Store(numbers, to);
    }

    // 512 bits, which Vector<T> does not take by itself.
    private readonly struct Lanes512(Vector512<float> numbers) : ILanes<Lanes512>
    {
        private readonly Vector512<float> numbers = numbers;

        public static int Count => Vector512<float>.Count;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes512 Load(float* from) => new(Vector512.Load(from));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes512 Spread(float number) => new(Vector512.Create(number));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes512 MultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 sum) => new(Vector512.FusedMultiplyAdd(a.numbers, b.numbers, sum.numbers));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Lanes512 Add(Lanes512 a, Lanes512 b) => new(a.numbers + b.numbers);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Store(float* to) => Vector512.Store(numbers, to);
    }
}
