using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// 1 where the last number x in the last response equals the last number y of the answer, |x − y| ≤ max(<see cref="Tolerance"/>, <see cref="RelativeTolerance"/>·|y|), else 0; 0 where the
/// response has no number; abstains where the answer has none. Without a tolerance the decimal digits are compared, exactly at any size: 1,000 = 1e3 = 1000.00.
/// Read in no culture: a point before decimals, commas only between groups of three digits; ASCII digits; '-' or '−' is a sign unless a digit, letter or ')' stands before it.
/// </summary>
public sealed record NumericMatch : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "numeric_match";

    /// <summary>Largest absolute difference, at least 0.</summary>
    public double Tolerance { get; init => field = Checked(value, nameof(Tolerance)); }

    /// <summary>Largest difference relative to the answer, at least 0.</summary>
    public double RelativeTolerance { get; init => field = Checked(value, nameof(RelativeTolerance)); }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        if (DecimalText.Last(trajectory.Problem.Answer) is not { } wanted)
        {
            return ValueTask.FromResult<float?>(null);
        }

        return ValueTask.FromResult<float?>(DecimalText.Last(trajectory.Response) is { } found && Matches(found, wanted) ? 1 : 0);
    }

    private bool Matches(DecimalText found, DecimalText wanted)
    {
        if (found == wanted)
        {
            return true;
        }

        double x = found.ToDouble(), y = wanted.ToDouble();
        var allowed = Math.Max(Tolerance, RelativeTolerance * Math.Abs(y));
        return allowed > 0 && double.IsFinite(x) && double.IsFinite(y) && Math.Abs(x - y) <= allowed;
    }

    private static double Checked(double value, string name) =>
        value >= 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be finite and at least 0.");
}
