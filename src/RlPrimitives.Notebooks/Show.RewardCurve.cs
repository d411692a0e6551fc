using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int CurvePoints = 300;

    /// <summary>
    /// Mean reward per iteration with a band of one standard deviation of the trajectories, within what they got. The title compares the first and the last iterations
    /// (a tenth of the run at either end, at least 1, at most 5) and says whether a prediction was met.
    /// </summary>
    /// <param name="history">The run.</param>
    /// <param name="predicted">The mean reward predicted for the end of the run; dashed.</param>
    /// <param name="tolerance">Half-width of the prediction; 0 gives no verdict.</param>
    /// <exception cref="ArgumentException">The history has no steps.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or not finite.</exception>
    public static Chart RewardCurve(TrainingHistory history, double? predicted = null, double tolerance = 0)
    {
        Checked(history);
        CheckTolerance(tolerance);
        var stride = Thinning.Stride(history.Count, CurvePoints);
        double[] x = Thinning.Average(Iterations(history), stride);
        double[] means = [.. history.Select(s => s.RewardMean)];
        double[] mean = Thinning.Average(means, stride);
        // A deviation reaches beyond what any trajectory got where rewards are 0 and 1; the band does not.
        double[] low = Thinning.Average([.. history.Select(s => Math.Max(s.RewardMean - s.RewardStd, s.Rewards.DefaultIfEmpty(float.NaN).Min()))], stride);
        double[] high = Thinning.Average([.. history.Select(s => Math.Min(s.RewardMean + s.RewardStd, s.Rewards.DefaultIfEmpty(float.NaN).Max()))], stride);
        var colour = Palette.For([history.Algorithm])[0];
        double[] wide = x.Length > 1 ? x : [x[0] - 0.5, x[0] + 0.5]; // One iteration still gets a band that can be seen.
        double[] Wide(double[] edge) => edge.Length > 1 ? edge : [edge[0], edge[0]];
        var traces = new List<Trace>
        {
            Traces.Band("±1 std of the trajectories", wide, Wide(low), Wide(high), colour),
            Traces.Line("mean reward", x, mean, colour),
        };
        traces.AddRange(Prediction(wide, predicted, tolerance));
        var (first, last) = Ends(means);
        var change = history.Count == 1 ? $"{Short(last)} after" : $"{Short(first)} → {Short(last)} in";
        var title = $"Mean reward {change} {Count(history.Count, "iteration")} of {history.Algorithm}" + Verdict(last, predicted, tolerance);
        return Chart.Of(title, Layouts.Of(title, new Panel(Thinning.IterationTitle(stride), "reward per trajectory")), traces);
    }

    private static void CheckTolerance(double tolerance)
    {
        if (!(tolerance >= 0) || double.IsInfinity(tolerance))
        {
            throw new ArgumentOutOfRangeException(nameof(tolerance), tolerance, "The tolerance must be finite and at least 0.");
        }
    }

    // A dashed line over the whole width, with its tolerance.
    private static IEnumerable<Trace> Prediction(double[] x, double? predicted, double tolerance)
    {
        if (predicted is not { } value)
        {
            yield break;
        }

        double[] ends = [x[0], x[^1]];
        if (tolerance > 0)
        {
            yield return Traces.Band("tolerance", ends, [value - tolerance, value - tolerance], [value + tolerance, value + tolerance], Palette.Grey, legend: false);
        }

        yield return Traces.Line("predicted " + Short(value) + (tolerance > 0 ? " ± " + Short(tolerance) : ""), ends, [value, value], Palette.Grey, "dash", 1.5);
    }

    private static (double First, double Last) Ends(double[] values)
    {
        var window = Thinning.EndWindow(values.Length);
        return (Thinning.Mean(values[..window]), Thinning.Mean(values[^window..]));
    }

    private static string Verdict(double observed, double? predicted, double tolerance) => predicted is not { } value ? ""
        : tolerance == 0 ? $"; predicted {Short(value)}"
        : $"; predicted {Short(value)} ± {Short(tolerance)}: {(Math.Abs(observed - value) <= tolerance ? "met" : "not met")}";

    private static string Count(int count, string noun) => FormattableString.Invariant($"{count} {noun}{(count == 1 ? "" : "s")}");
}
