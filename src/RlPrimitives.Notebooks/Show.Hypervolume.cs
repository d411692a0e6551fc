using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const string NoHypervolume = "No step has a hypervolume: give RewardOptions.ReferencePoint and at least two objectives to the reward computer.";

    /// <summary>Hypervolume over training: of the batch, and the mean of the groups' own, which one easy problem cannot hold up.</summary>
    /// <param name="history">The run.</param>
    /// <param name="predicted">The batch's hypervolume predicted for the end of the run; dashed.</param>
    /// <param name="tolerance">Half-width of the prediction; 0 gives no verdict.</param>
    /// <param name="title">Replaces the title, which compares the ends of the run.</param>
    /// <exception cref="ArgumentException">The history has no steps, or none has a hypervolume.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tolerance is negative or not finite.</exception>
    public static Chart Hypervolume(TrainingHistory history, double? predicted = null, double tolerance = 0, string? title = null)
    {
        Checked(history);
        CheckTolerance(tolerance);
        if (history.All(s => s.Hypervolume is null))
        {
            throw new ArgumentException(NoHypervolume, nameof(history));
        }

        var stride = Thinning.Stride(history.Count, CurvePoints);
        var x = Thinning.Average(Iterations(history), stride);
        double[] batch = [.. history.Select(s => s.Hypervolume ?? double.NaN)], groups = [.. history.Select(s => s.GroupHypervolume ?? double.NaN)];
        var colour = Palette.For([history.Algorithm])[0];
        var traces = new List<Trace> { Traces.Line("of the batch", x, Thinning.Average(batch, stride), colour) };
        var (first, last) = Ends(batch);
        var finding = $"Hypervolume {Short(first)} → {Short(last)}";
        if (groups.Any(double.IsFinite))
        {
            traces.Add(Traces.Line("mean of the groups", x, Thinning.Average(groups, stride), colour, "dot"));
            finding += $", within a group {Short(Ends(groups).First)} → {Short(Ends(groups).Last)},";
        }

        traces.AddRange(Prediction(x, predicted, tolerance));
        title ??= $"{finding} in {Count(history.Count, "iteration")} of {history.Algorithm}{Verdict(last, predicted, tolerance)}";
        return Chart.Of(title, Layouts.Of(title, new Panel(Thinning.IterationTitle(stride), "hypervolume, product of the objectives", FromZero: true)), traces);
    }

    /// <summary>Hypervolume of methods over several seeds each, as <see cref="Comparison"/> shows rewards.</summary>
    /// <param name="runs">Name of a method → its runs, one for each seed.</param>
    /// <param name="band">What the band spans.</param>
    /// <param name="perGroup">The mean of the groups' own instead of the batch's.</param>
    /// <param name="title">Replaces the title, which states where each method ended.</param>
    /// <exception cref="ArgumentException">There are no methods, one has no runs or an empty one, or no step has a hypervolume.</exception>
    public static Chart Hypervolume(
        IReadOnlyDictionary<string, IReadOnlyList<TrainingHistory>> runs, ComparisonBand band = ComparisonBand.MinMax, bool perGroup = false, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(runs);
        return runs.Count > 0 && runs.Values.All(r => r.All(h => h.All(s => s.Hypervolume is null)))
            ? throw new ArgumentException(NoHypervolume, nameof(runs))
            : Comparison(runs, band, title, s => (perGroup ? s.GroupHypervolume : s.Hypervolume) ?? double.NaN, perGroup ? "hypervolume within a group" : "hypervolume of the batch");
    }
}
