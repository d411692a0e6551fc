using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace RlPrimitives.Models.Native;

/// <summary>A register full of float32 numbers: a loop that is written with it once is compiled for either width.</summary>
internal unsafe interface ILanes<T>
    where T : struct, ILanes<T>
{
    /// <summary>Numbers of a register.</summary>
    static abstract int Count { get; }

    static abstract T operator +(T a, T b);

    static abstract T operator -(T a, T b);

    static abstract T operator *(T a, T b);

    static abstract T operator /(T a, T b);

    /// <summary>The numbers from an address on.</summary>
    static abstract T Load(float* from);

    /// <summary>One number in all places.</summary>
    static abstract T Spread(float number);

    /// <summary>a·b + sum, rounded once.</summary>
    static abstract T MultiplyAdd(T a, T b, T sum);

    /// <summary>The larger of each two.</summary>
    static abstract T Max(T a, T b);

    /// <summary>Where a &lt; b the one, elsewhere, and where either is not a number, the other.</summary>
    static abstract T WhereLess(T a, T b, T then, T otherwise);

    /// <summary>x·2ⁿ, n the lowest nine bits of <paramref name="n"/> as a whole number; nothing is said of what leaves float32's range.</summary>
    static abstract T Scale(T x, T n);

    /// <summary>The sum of the numbers.</summary>
    static abstract float Sum(T a);

    /// <summary>The sum of each register's numbers.</summary>
    static abstract Vector128<float> Sums(T a, T b, T c, T d);

    /// <summary>Writes the numbers to an address.</summary>
    void Store(float* to);
}

/// <summary>A single number: the rest of a loop that does not fill a register.</summary>
internal readonly unsafe struct OneLane(float number) : ILanes<OneLane>
{
    private readonly float number = number;

    public static int Count => 1;

    public static OneLane operator +(OneLane a, OneLane b) => new(a.number + b.number);

    public static OneLane operator -(OneLane a, OneLane b) => new(a.number - b.number);

    public static OneLane operator *(OneLane a, OneLane b) => new(a.number * b.number);

    public static OneLane operator /(OneLane a, OneLane b) => new(a.number / b.number);

    public static OneLane Load(float* from) => new(*from);

    public static OneLane Spread(float number) => new(number);

    public static OneLane MultiplyAdd(OneLane a, OneLane b, OneLane sum) => new(MathF.FusedMultiplyAdd(a.number, b.number, sum.number));

    public static OneLane Max(OneLane a, OneLane b) => new(MathF.Max(a.number, b.number));

    public static OneLane WhereLess(OneLane a, OneLane b, OneLane then, OneLane otherwise) => a.number < b.number ? then : otherwise;

    public static OneLane Scale(OneLane x, OneLane n) =>
        new(BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(x.number) + (BitConverter.SingleToInt32Bits(n.number) << 23)));

    public static float Sum(OneLane a) => a.number;

    public static Vector128<float> Sums(OneLane a, OneLane b, OneLane c, OneLane d) => Vector128.Create(a.number, b.number, c.number, d.number);

    public void Store(float* to) => *to = number;
}

/// <summary>As many numbers as <see cref="Vector{T}"/> has, at most 256 bits.</summary>
internal readonly unsafe struct Lanes(Vector<float> numbers) : ILanes<Lanes>
{
    private readonly Vector<float> numbers = numbers;

    public static int Count => Vector<float>.Count;

    /// <summary>The numbers.</summary>
    public Vector<float> Numbers => numbers;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes operator +(Lanes a, Lanes b) => new(a.numbers + b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes operator -(Lanes a, Lanes b) => new(a.numbers - b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes operator *(Lanes a, Lanes b) => new(a.numbers * b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes operator /(Lanes a, Lanes b) => new(a.numbers / b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Load(float* from) => new(Vector.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Spread(float number) => new(new Vector<float>(number));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes MultiplyAdd(Lanes a, Lanes b, Lanes sum) => new(Vector.FusedMultiplyAdd(a.numbers, b.numbers, sum.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Max(Lanes a, Lanes b) => new(Vector.Max(a.numbers, b.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes WhereLess(Lanes a, Lanes b, Lanes then, Lanes otherwise) =>
        new(Vector.ConditionalSelect(Vector.LessThan(a.numbers, b.numbers), then.numbers, otherwise.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes Scale(Lanes x, Lanes n) =>
        new(Vector.AsVectorSingle(Vector.AsVectorInt32(x.numbers) + Vector.ShiftLeft(Vector.AsVectorInt32(n.numbers), 23)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes a) => Vector.Sum(a.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes a, Lanes b, Lanes c, Lanes d)
    {
        if (Avx.IsSupported && Vector<float>.Count == Vector256<float>.Count)
        {
            // Neighbours, twice: [a b c d] of the lower half, then of the upper one.
            var ab = Avx.HorizontalAdd(a.numbers.AsVector256(), b.numbers.AsVector256());
            var cd = Avx.HorizontalAdd(c.numbers.AsVector256(), d.numbers.AsVector256());
            var all = Avx.HorizontalAdd(ab, cd);
            return all.GetLower() + all.GetUpper();
        }

        return Vector128.Create(Sum(a), Sum(b), Sum(c), Sum(d));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to) => Vector.Store(numbers, to);
}

/// <summary>512 bits, which <see cref="Vector{T}"/> does not take by itself.</summary>
internal readonly unsafe struct Lanes512(Vector512<float> numbers) : ILanes<Lanes512>
{
    private readonly Vector512<float> numbers = numbers;

    /// <summary>Whether the processor is quick with them.</summary>
    public static bool AreFast => Vector512.IsHardwareAccelerated;

    public static int Count => Vector512<float>.Count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator +(Lanes512 a, Lanes512 b) => new(a.numbers + b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator -(Lanes512 a, Lanes512 b) => new(a.numbers - b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator *(Lanes512 a, Lanes512 b) => new(a.numbers * b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 operator /(Lanes512 a, Lanes512 b) => new(a.numbers / b.numbers);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Load(float* from) => new(Vector512.Load(from));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Spread(float number) => new(Vector512.Create(number));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 MultiplyAdd(Lanes512 a, Lanes512 b, Lanes512 sum) => new(Vector512.FusedMultiplyAdd(a.numbers, b.numbers, sum.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Max(Lanes512 a, Lanes512 b) => new(Vector512.Max(a.numbers, b.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 WhereLess(Lanes512 a, Lanes512 b, Lanes512 then, Lanes512 otherwise) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(a.numbers, b.numbers), then.numbers, otherwise.numbers));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lanes512 Scale(Lanes512 x, Lanes512 n) => new((x.numbers.AsInt32() + Vector512.ShiftLeft(n.numbers.AsInt32(), 23)).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Lanes512 a) => Lanes.Sum(Half(a));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sums(Lanes512 a, Lanes512 b, Lanes512 c, Lanes512 d) => Lanes.Sums(Half(a), Half(b), Half(c), Half(d));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(float* to) => Vector512.Store(numbers, to);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Lanes Half(Lanes512 a) => new((a.numbers.GetLower() + a.numbers.GetUpper()).AsVector());
}
