using System.Globalization;
using System.Numerics;

namespace RlPrimitives.Environments;

/// <summary>An exact fraction in lowest terms, the denominator positive, of bounded size: a calculator must not be made to fill the memory.</summary>
internal readonly record struct Rational
{
    /// <summary>Bits of numerator or denominator; about 300 digits.</summary>
    private const int MaxBits = 1000;

    private Rational(BigInteger numerator, BigInteger denominator) => (Numerator, Denominator) = (numerator, denominator);

    public BigInteger Numerator { get; }

    public BigInteger Denominator { get; }

    public bool IsInteger => Denominator.IsOne;

    public static Rational Of(BigInteger numerator) => Of(numerator, BigInteger.One);

    public static Rational Of(BigInteger numerator, BigInteger denominator)
    {
        if (denominator.IsZero)
        {
            throw new FormatException("division by zero");
        }

        var common = BigInteger.GreatestCommonDivisor(numerator, denominator) * denominator.Sign;
        var result = new Rational(numerator / common, denominator / common);
        return result.Numerator.GetBitLength() <= MaxBits && result.Denominator.GetBitLength() <= MaxBits ? result
            : throw new FormatException("the number is too large");
    }

    public static Rational operator +(Rational a, Rational b) => Of((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator);

    public static Rational operator -(Rational a) => Of(-a.Numerator, a.Denominator);

    public static Rational operator -(Rational a, Rational b) => a + -b;

    public static Rational operator *(Rational a, Rational b) => Of(a.Numerator * b.Numerator, a.Denominator * b.Denominator);

    public static Rational operator /(Rational a, Rational b) => Of(a.Numerator * b.Denominator, a.Denominator * b.Numerator);

    public int CompareTo(Rational other) => (Numerator * other.Denominator).CompareTo(other.Numerator * Denominator);

    /// <summary>⌊x⌋.</summary>
    public Rational Floor() => Of(FloorDivide(Numerator, Denominator));

    /// <summary>x^n for whole n; the size is looked at before anything is computed.</summary>
    public Rational Power(Rational exponent)
    {
        if (!exponent.IsInteger)
        {
            throw new FormatException("powers are whole numbers (sqrt takes roots)");
        }

        if (exponent.Numerator.IsZero || (IsInteger && Numerator.IsOne))
        {
            return Of(BigInteger.One);
        }

        if (Numerator.IsZero)
        {
            return exponent.Numerator.Sign > 0 ? this : throw new FormatException("division by zero");
        }

        if (IsInteger && Numerator == BigInteger.MinusOne)
        {
            return exponent.Numerator.IsEven ? Of(BigInteger.One) : this;
        }

        var largest = Math.Max(Numerator.GetBitLength(), Denominator.GetBitLength()); // |x| or 1/|x| is at least 2^(largest − 1)
        if (BigInteger.Abs(exponent.Numerator) * (largest - 1) > MaxBits || BigInteger.Abs(exponent.Numerator) > 2 * MaxBits)
        {
            throw new FormatException("the number is too large");
        }

        var n = (int)BigInteger.Abs(exponent.Numerator);
        var (up, down) = (BigInteger.Pow(Numerator, n), BigInteger.Pow(Denominator, n));
        return exponent.Numerator.Sign > 0 ? Of(up, down) : Of(down, up);
    }

    /// <summary>√x: exact where x is the square of a fraction, otherwise to 20 digits at least.</summary>
    public Rational SquareRoot()
    {
        if (Numerator.Sign < 0)
        {
            throw new FormatException("the square root of a negative number");
        }

        var (up, down) = (Root(Numerator), Root(Denominator));
        if (up * up == Numerator && down * down == Denominator)
        {
            return Of(up, down);
        }

        // √(n/d) = √(n·d·10^2k)/(d·10^k)
        var scale = BigInteger.Pow(10, 20);
        return Of(Root(Numerator * Denominator * scale * scale), Denominator * scale);
    }

    /// <summary>A decimal numeral: digits with at most one point, and a power of ten behind an e.</summary>
    public static Rational FromText(string text)
    {
        if (text.IndexOfAny(['e', 'E']) is > 0 and var e)
        {
            return int.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var exponent) && exponent is >= -MaxBits and <= MaxBits
                ? FromText(text[..e]) * Of(10).Power(Of(exponent)) : throw new FormatException("the number is too large");
        }

        var point = text.IndexOf('.', StringComparison.Ordinal);
        var decimals = point < 0 ? 0 : text.Length - point - 1;
        return Of(BigInteger.Parse(text.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture), BigInteger.Pow(10, decimals));
    }

    /// <summary>Whole numbers in full; others as decimals of up to 15 significant digits, with an exponent below 1e-6.</summary>
    public override string ToString()
    {
        if (IsInteger)
        {
            return Numerator.ToString(CultureInfo.InvariantCulture);
        }

        const int significant = 15;
        var size = BigInteger.Abs(Numerator);
        var magnitude = Digits(size / Denominator) - 1; // power of ten of the leading digit, for |x| ≥ 1
        if (size < Denominator)
        {
            magnitude = -1;
            for (var scaled = size * 10; scaled < Denominator; scaled *= 10)
            {
                magnitude--;
            }
        }

        var places = Math.Max(0, significant - 1 - magnitude);
        var rounded = (2 * size * BigInteger.Pow(10, places) + Denominator) / (2 * Denominator); // half up
        var text = rounded.ToString(CultureInfo.InvariantCulture);
        var sign = Numerator.Sign < 0 ? "-" : "";
        if (magnitude < -6)
        {
            var mantissa = text.TrimEnd('0');
            var exponent = text.Length - 1 - places;
            return $"{sign}{mantissa[0]}{(mantissa.Length > 1 ? "." + mantissa[1..] : "")}e{exponent.ToString(CultureInfo.InvariantCulture)}";
        }

        text = text.PadLeft(places + 1, '0');
        var fraction = text[^places..].TrimEnd('0');
        return $"{sign}{text[..^places]}{(fraction.Length > 0 ? "." + fraction : "")}";
    }

    private static int Digits(BigInteger value) => value.ToString(CultureInfo.InvariantCulture).Length;

    private static BigInteger FloorDivide(BigInteger a, BigInteger b)
    {
        var quotient = BigInteger.DivRem(a, b, out var rest);
        return rest.Sign < 0 ? quotient - 1 : quotient;
    }

    /// <summary>⌊√n⌋ by Newton's method from above.</summary>
    private static BigInteger Root(BigInteger n)
    {
        if (n.IsZero)
        {
            return n;
        }

        var x = BigInteger.One << (int)((n.GetBitLength() + 1) / 2);
        while (true)
        {
            var next = (x + (n / x)) >> 1;
            if (next >= x)
            {
                return x;
            }

            x = next;
        }
    }
}
