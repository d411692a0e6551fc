using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Native;

/// <summary>Numbers as arguments of libtorch's operators. The only place that makes them: a test reads the compiled code for others.</summary>
/// <remarks>
/// TorchSharp turns a number into an object whose finalizer frees a native scalar, and hands libtorch the bare pointer: a collection during the call may free what is being read. That goes
/// for <c>x * 2.0</c> and for what TorchSharp makes itself, as in <c>x + y</c> (a factor 1), <c>square()</c> (an exponent 2) and <c>arange(n)</c>. So the last ones that a thread made are kept here.
/// Per thread, because then a call's own scalars cannot be pushed out while it runs, whatever other threads do; freed in their turn, so there is nothing left to collect. Not one for each
/// value: coefficients and learning rates take ever new ones. Use a scalar in the expression that makes it; one that is stored is refused once <see cref="Kept"/> others were made.
/// </remarks>
internal static class Scalars
{
    /// <summary>How many of a thread live; far more than any operator takes.</summary>
    public const int Kept = 64;

    private static readonly Scalar One = 1, Two = 2;

    [ThreadStatic]
    private static Scalar?[]? kept;

    [ThreadStatic]
    private static int next;

    /// <summary>For use at once.</summary>
    public static Scalar Of(int value) => Keep(value);

    /// <inheritdoc cref="Of(int)"/>
    public static Scalar Of(double value) => Keep(value);

    /// <summary>x + y</summary>
    public static Tensor Plus(this Tensor x, Tensor y) => x.add(y, One);

    /// <summary>x + y</summary>
    public static Tensor Plus(this Tensor x, double y) => x.add(Of(y), One);

    /// <summary>x += y</summary>
    public static Tensor Plus_(this Tensor x, Tensor y) => x.add_(y, One);

    /// <summary>x²</summary>
    public static Tensor Squared(this Tensor x) => x.pow(Two);

    /// <summary>0 … count − 1, int64 [count].</summary>
    public static Tensor Range(int count, Device device) => arange(Of(0), Of(count), One, device: device);

    private static Scalar Keep(Scalar scalar)
    {
        kept ??= new Scalar?[Kept];
        kept[next]?.Dispose();
        kept[next] = scalar;
        next = (next + 1) % Kept;
        return scalar;
    }
}
