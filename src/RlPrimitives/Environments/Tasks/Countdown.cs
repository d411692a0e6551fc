using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>Countdown: reach a target from given numbers with + − * /, each number used at most once. Every problem made here has a solution.</summary>
public static class Countdown
{
    /// <summary>Problems: "numbers 3 7 25, target 46" with one solution as the answer. Fields: "numbers" (separated by blanks), "target", "solution".</summary>
    /// <param name="count">How many, at least 1.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <param name="numbers">Numbers given in each, in [2, 6].</param>
    /// <param name="limit">Numbers are in [1, limit], limit in [1, 100]; targets in [1, 1000].</param>
    public static IReadOnlyList<Problem> Problems(int count, ulong seed, int numbers = 3, int limit = 25)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(numbers, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(numbers, 6);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, 100);
        return Enumerable.Range(0, count).Select(i => Make(string.Create(CultureInfo.InvariantCulture, $"countdown-{numbers}-{limit}-{seed}-{i}"), new Draws(RandomStream.For(seed, (ulong)i, (ulong)numbers, (ulong)limit)), numbers, limit)).ToArray();
    }

    /// <summary>Whether an expression solves a problem: it uses only the given numbers, each at most as often as given, and its value is the target, exactly.</summary>
    /// <param name="expression">What was written; "=" and what follows it is left out.</param>
    /// <param name="numbers">The given numbers.</param>
    /// <param name="target">The target.</param>
    public static bool IsSolved(string expression, IReadOnlyList<int> numbers, int target)
    {
        ArgumentNullException.ThrowIfNull(expression);
        ArgumentNullException.ThrowIfNull(numbers);
        if (Calculator.Read(expression.Split('=')[0].Trim()) is not { } read || !read.Value.IsInteger || read.Value.Numerator != target)
        {
            return false;
        }

        var left = numbers.ToList();
        return read.Numerals.All(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && left.Remove(number));
    }

    private static Problem Make(string id, Draws draws, int numbers, int limit)
    {
        while (true)
        {
            var given = Enumerable.Range(0, numbers).Select(_ => draws.Between(1, limit)).ToArray();
            if (Solution(draws, given) is { } solution)
            {
                var listed = string.Join(' ', given.Select(n => n.ToString(CultureInfo.InvariantCulture)));
                var target = solution.Value.ToString(CultureInfo.InvariantCulture);
                return new Problem(
                    id,
                    $"numbers {listed}, target {target}: ",
                    solution.Text,
                    new Dictionary<string, string> { ["numbers"] = listed, ["target"] = target, ["solution"] = solution.Text });
            }
        }
    }

    /// <summary>Joins two random terms until one is left; null where the value is no target.</summary>
    private static (string Text, long Value)? Solution(Draws draws, int[] given)
    {
        var terms = given.Select(n => (Text: n.ToString(CultureInfo.InvariantCulture), Value: (long)n)).ToList();
        while (terms.Count > 1)
        {
            var a = terms[draws.Between(0, terms.Count - 1)];
            terms.Remove(a);
            var b = terms[draws.Between(0, terms.Count - 1)];
            terms.Remove(b);
            var op = draws.From("+-*/".ToCharArray());
            long? value = op switch { '+' => a.Value + b.Value, '-' => a.Value - b.Value, '*' => a.Value * b.Value, _ => b.Value != 0 && a.Value % b.Value == 0 ? a.Value / b.Value : null };
            if (value is not { } whole || Math.Abs(whole) > 100_000)
            {
                return null;
            }

            terms.Add((terms.Count > 0 ? $"({a.Text}{op}{b.Text})" : $"{a.Text}{op}{b.Text}", whole));
        }

        return terms[0].Value is >= 1 and <= 1000 ? terms[0] : null;
    }
}
