using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Tasks on short sequences, with one right answer each.</summary>
public static class Sequences
{
    /// <summary>Numbers to be sorted: "sort 5 3 9: " with answer "3 5 9". Field: "length".</summary>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="minimum">Fewest numbers, at least 1.</param>
    /// <param name="maximum">Most numbers, at most 100.</param>
    /// <param name="limit">Numbers are in [0, limit), limit at least 1.</param>
    public static IReadOnlyList<Problem> Sorting(int count, ulong seed, int minimum = 3, int maximum = 6, int limit = 10)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        return Make(count, seed, minimum, maximum, "sort", string.Create(CultureInfo.InvariantCulture, $"{limit}-"), (draws, length) =>
        {
            var numbers = Enumerable.Range(0, length).Select(_ => draws.Between(0, limit - 1)).ToArray();
            return (Joined(numbers), Joined(numbers.Order()));
        });

        static string Joined(IEnumerable<int> numbers) => string.Join(' ', numbers.Select(n => n.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>Letters to be reversed: "reverse abcd: " with answer "dcba". Field: "length".</summary>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="minimum">Fewest letters, at least 1.</param>
    /// <param name="maximum">Most letters, at most 100.</param>
    public static IReadOnlyList<Problem> Reversal(int count, ulong seed, int minimum = 3, int maximum = 8) =>
        Make(count, seed, minimum, maximum, "reverse", "", (draws, length) =>
        {
            var letters = Enumerable.Range(0, length).Select(_ => (char)draws.Between('a', 'z')).ToArray();
            return (new string(letters), new string(letters.Reverse().ToArray()));
        });

    private static Problem[] Make(int count, ulong seed, int minimum, int maximum, string task, string variant, Func<Draws, int, (string Given, string Answer)> make)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minimum, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maximum, minimum);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maximum, 100);
        return Enumerable.Range(0, count).Select(i =>
        {
            var draws = new Draws(RandomStream.For(seed, (ulong)i, (ulong)minimum, (ulong)maximum));
            var length = draws.Between(minimum, maximum);
            var (given, answer) = make(draws, length);
            return new Problem(
                string.Create(CultureInfo.InvariantCulture, $"{task}-{variant}{minimum}-{maximum}-{seed}-{i}"), $"{task} {given}: ", answer,
                new Dictionary<string, string> { ["length"] = length.ToString(CultureInfo.InvariantCulture) });
        }).ToArray();
    }
}
