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

    /// <summary>
    /// Expressions of several operations with whole answers: "3*(14-6)+5=" with answer "29". Operations are +, − and *, a sum that is multiplied stands in
    /// parentheses; values stay within ±<paramref name="limit"/>². Problems may repeat where there are few. Fields: "expression" and "steps".
    /// </summary>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="steps">Operations of each, in [1, 12].</param>
    /// <param name="limit">Numbers are in [1, limit], limit in [1, 1000]; a product has one factor of at most 9.</param>
    public static IReadOnlyList<Problem> MultiStep(int count, ulong seed, int steps = 3, int limit = 20)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(steps, 12);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 1000);
        return Enumerable.Range(0, count).Select(i =>
        {
            var draws = new Draws(RandomStream.For(seed, (ulong)i, (ulong)steps, (ulong)limit));
            var (text, value) = Expression(draws, steps, limit);
            return new Problem(
                string.Create(CultureInfo.InvariantCulture, $"steps-{steps}-{limit}-{seed}-{i}"),
                text + "=",
                value.ToString(CultureInfo.InvariantCulture),
                new Dictionary<string, string> { ["expression"] = text, ["steps"] = steps.ToString(CultureInfo.InvariantCulture) });
        }).ToArray();
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

    /// <summary>Grows an expression operation by operation; the value is kept small by taking a difference where a sum or product would leave the range.</summary>
    private static (string Text, long Value) Expression(Draws draws, int steps, int limit)
    {
        long bound = (long)limit * limit;
        long value = draws.Between(1, limit);
        var text = value.ToString(CultureInfo.InvariantCulture);
        var isSum = false; // whether the text's outermost operation binds weaker than *
        for (var step = 0; step < steps; step++)
        {
            long operand = draws.Between(1, limit);
            var kind = draws.Between(0, 2);
            long factor = draws.Between(2, 9);
            if (kind == 2 && Math.Abs(value * factor) <= bound)
            {
                text = isSum ? string.Create(CultureInfo.InvariantCulture, $"{factor}*({text})") : string.Create(CultureInfo.InvariantCulture, $"{factor}*{text}");
                (value, isSum) = (value * factor, false);
            }
            else
            {
                var adds = kind == 0 ? value + operand <= bound : value - operand < -bound;
                text = string.Create(CultureInfo.InvariantCulture, $"{text}{(adds ? '+' : '-')}{operand}");
                (value, isSum) = (adds ? value + operand : value - operand, true);
            }
        }

        return (text, value);
    }
}
