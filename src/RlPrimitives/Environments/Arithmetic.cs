using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Arithmetic problems with known answers, made from a seed.</summary>
public static class Arithmetic
{
    /// <summary>Every addition of two numbers in [<paramref name="minimum"/>, <paramref name="limit"/>), shuffled: "27+58=" with answer "85". Slices of it never overlap.</summary>
    /// <param name="minimum">The smallest number, at least 0.</param>
    /// <param name="limit">One more than the largest number, at most 1000; there are (limit − minimum)² problems.</param>
    /// <param name="seed">Seed of the order.</param>
    public static IReadOnlyList<Problem> Additions(int minimum, int limit, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(minimum);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(limit, minimum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var numbers = limit - minimum;
        var random = RandomStream.For(seed, (ulong)minimum, (ulong)limit);
        return Enumerable.Range(0, numbers * numbers)
            .OrderBy(i => random.NextUniform((ulong)i))
            .Select(i => (First: minimum + (i / numbers), Second: minimum + (i % numbers)))
            .Select(p => new Problem(
                string.Create(CultureInfo.InvariantCulture, $"add-{p.First}-{p.Second}"),
                string.Create(CultureInfo.InvariantCulture, $"{p.First}+{p.Second}="),
                (p.First + p.Second).ToString(CultureInfo.InvariantCulture),
                new Dictionary<string, string>
                {
                    ["first"] = p.First.ToString(CultureInfo.InvariantCulture),
                    ["second"] = p.Second.ToString(CultureInfo.InvariantCulture),
                }))
            .ToArray();
    }

    /// <summary>The sum as someone writes it who forgets every carry: 27+58 → 75. Right where no column exceeds 9.</summary>
    /// <param name="first">At least 0.</param>
    /// <param name="second">At least 0.</param>
    public static int AddWithoutCarrying(int first, int second)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfNegative(second);
        var sum = 0;
        for (long column = 1; column <= Math.Max(first, second); column *= 10)
        {
            sum += (int)(((first / column % 10) + (second / column % 10)) % 10 * column);
        }

        return sum;
    }
}
