namespace RlPrimitives.Rollouts;

/// <summary>The distribution of some numbers, in short.</summary>
/// <param name="Count">How many numbers.</param>
/// <param name="Mean">Their mean. It and all that follows is NaN where there are no numbers, but for the deviation.</param>
/// <param name="Std">Bessel standard deviation; 0 for fewer than two.</param>
/// <param name="Min">The smallest.</param>
/// <param name="P10">The 10th percentile, linear between neighbours.</param>
/// <param name="P50">The median.</param>
/// <param name="P90">The 90th percentile.</param>
/// <param name="P99">The 99th percentile.</param>
/// <param name="Max">The largest.</param>
public readonly record struct Summary(int Count, double Mean, double Std, double Min, double P10, double P50, double P90, double P99, double Max)
{
    /// <summary>The summary of <paramref name="values"/>.</summary>
    public static Summary Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        if (sorted.Length == 0)
        {
            return new Summary(0, double.NaN, 0, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN, double.NaN);
        }

        var mean = sorted.Average();
        var std = sorted.Length < 2 ? 0 : Math.Sqrt(sorted.Sum(v => (v - mean) * (v - mean)) / (sorted.Length - 1));
        return new Summary(sorted.Length, mean, std, sorted[0], At(0.1), At(0.5), At(0.9), At(0.99), sorted[^1]);

        double At(double share)
        {
            var place = share * (sorted.Length - 1);
            var below = (int)place;
            return below + 1 < sorted.Length ? sorted[below] + ((place - below) * (sorted[below + 1] - sorted[below])) : sorted[below];
        }
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Mean:0.#} ± {Std:0.#} ({Min:0.#} to {Max:0.#}, median {P50:0.#}, 90 % below {P90:0.#})");
}
