using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Arithmetic problems with known answers, made from a seed.</summary>
public static class Arithmetic
{
    /// <summary>Every addition of two numbers in [0, <paramref name="limit"/>), shuffled: "27+58=" with answer "85". Slices of it never overlap.</summary>
    /// <param name="limit">One more than the largest number, at least 1; there are limit² problems.</param>
    /// <param name="seed">Seed of the order.</param>
    public static IReadOnlyList<Problem> Additions(int limit, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        var random = RandomStream.For(seed, (ulong)limit);
        return Enumerable.Range(0, limit * limit)
            .OrderBy(i => random.NextUniform((ulong)i))
            .Select(i => (First: i / limit, Second: i % limit))
            .Select(p => new Problem(
                string.Create(CultureInfo.InvariantCulture, $"add-{p.First}-{p.Second}"),
                string.Create(CultureInfo.InvariantCulture, $"{p.First}+{p.Second}="),
                (p.First + p.Second).ToString(CultureInfo.InvariantCulture)))
            .ToArray();
    }
}
