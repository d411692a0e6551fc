using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

/// <summary>How a distribution over training is drawn.</summary>
public enum DistributionKind
{
    /// <summary>Bars of the first iterations beside those of the last.</summary>
    Histogram,

    /// <summary>A symmetric curve for each stretch of iterations, from left to right.</summary>
    Violin,

    /// <summary>A curve for each stretch of iterations, one above the other.</summary>
    Ridge,
}

public static partial class Show
{
    /// <summary>
    /// How rewards, or the scores of an objective, were distributed while the run went on: in its first and last iterations, one bar per value where values are few, else equal ranges;
    /// or as curves over all of it (<see cref="DistributionKind"/>).
    /// </summary>
    /// <param name="history">The run.</param>
    /// <param name="kind">How it is drawn.</param>
    /// <param name="objective">Name of an objective; null for the total reward.</param>
    /// <param name="title">Replaces the title, which compares the ends of the run.</param>
    /// <exception cref="ArgumentException">The history has no steps, no finite reward, or no scores of the objective.</exception>
    public static Chart RewardDistribution(
        TrainingHistory history, DistributionKind kind = DistributionKind.Histogram, string? objective = null, string? title = null)
    {
        Checked(history);
        var values = history.Select(s => Finite(ValuesOf(s, objective))).ToArray();
        var what = objective is null ? "Rewards" : "Scores of " + objective;
        var axis = objective is null ? "reward per trajectory" : objective + " per trajectory";
        if (history.Count == 1 && kind == DistributionKind.Histogram)
        {
            return Distribution(values[0], title ?? $"{what} of iteration {history[0].Iteration} of {history.Algorithm}", axis);
        }

        var window = Thinning.EndWindow(history.Count);
        double[] first = [.. values[..window].SelectMany(v => v)], last = [.. values[^window..].SelectMany(v => v)];
        var start = history.Count > 1 ? Spread(Thinning.Mean(first), Deviation(first)) + " → " : "";
        title ??= $"{what} {start}{Spread(Thinning.Mean(last), Deviation(last))} (mean ± std) in {Count(history.Count, "iteration")} of {history.Algorithm}{LeftOut(history, objective)}";
        var colour = Palette.For([history.Algorithm])[0];
        if (kind != DistributionKind.Histogram)
        {
            return DistributionCurves(history, values, kind, title, axis, colour);
        }

        var bins = Binning.Of([.. first, .. last]);
        string early = "iteration" + Range(history[0].Iteration, history[window - 1].Iteration), late = "iteration" + Range(history[^window].Iteration, history[^1].Iteration);
        return Chart.Of(title, DistributionLayout(title, bins, legend: true, axis), [Bars(early, bins, first, Palette.Grey), Bars(late, bins, last, colour)]);
    }

    /// <summary>How rewards are distributed: one bar per value where values are few, else equal ranges.</summary>
    /// <param name="rewards">One for each trajectory; what is not finite is left out and counted in the title.</param>
    /// <param name="title">Replaces the title, which states mean and standard deviation.</param>
    /// <exception cref="ArgumentException">There is no finite reward.</exception>
    public static Chart RewardDistribution(IReadOnlyList<float> rewards, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        var finite = Finite(rewards);
        title ??= finite.Length == 1 ? $"One reward, {Short(finite[0])}" : $"{Count(finite.Length, "reward")}: mean {Spread(Thinning.Mean(finite), Deviation(finite))} std";
        title += finite.Length < rewards.Count ? $" ({rewards.Count - finite.Length} not finite left out)" : "";
        return Distribution(finite, title, "reward per trajectory");
    }

    private static Chart Distribution(double[] finite, string title, string axis)
    {
        var bins = Binning.Of(finite);
        return Chart.Of(title, DistributionLayout(title, bins, legend: false, axis), [Bars("rewards", bins, finite, Palette.Blue)]);
    }

    private static IEnumerable<float> ValuesOf(TrainStep step, string? objective) => objective is null
        ? step.Rewards
        : step.Scores.TryGetValue(objective, out var scores)
            ? scores.OfType<float>()
            : throw new ArgumentException($"Step {step.Iteration} has no scores of '{objective}'; it has {(step.Scores.Count == 0 ? "none" : string.Join(", ", step.Scores.Keys.Select(k => $"'{k}'")))}.", nameof(objective));

    private static string LeftOut(TrainingHistory history, string? objective)
    {
        var values = history.SelectMany(s => ValuesOf(s, objective)).Count(v => !float.IsFinite(v));
        var silent = objective is null ? 0 : history.Sum(s => s.Scores[objective].Count(v => v is null));
        string[] what = [.. new[] { (silent, "abstentions"), (values, "not finite") }.Where(w => w.Item1 > 0).Select(w => FormattableString.Invariant($"{w.Item1} {w.Item2}"))];
        return what.Length == 0 ? "" : $" ({string.Join(", ", what)} left out)";
    }

    private static Trace Bars(string name, Binning bins, double[] values, string colour)
    {
        var trace = Traces.Bars(name, bins.Discrete ? Enumerable.Range(0, bins.Centres.Length).Select(bins.Label).ToArray() : bins.Centres, bins.Percent(values), colour);
        return bins.Discrete
            ? trace.With(("hovertemplate", "%{x}: %{y:.3g} %"))
            : trace.With(("opacity", 0.6), ("width", bins.Width), ("customdata", Enumerable.Range(0, bins.Centres.Length).Select(bins.Label).ToArray()), ("hovertemplate", "%{customdata}: %{y:.3g} %"));
    }

    private static Layout DistributionLayout(string title, Binning bins, bool legend, string axis) =>
        Layouts.Of(title, new Panel(axis, "share of trajectories", Percent: true, Categories: bins.Discrete), legend)
            .With(("barmode", bins.Discrete ? "group" : "overlay"), ("bargap", !bins.Discrete ? 0.02 : bins.Centres.Length == 1 ? 0.7 : 0.2));

    private static double[] Finite(IEnumerable<float> values) => [.. values.Where(float.IsFinite).Select(v => (double)v)];

    private static double Deviation(double[] values)
    {
        var mean = Thinning.Mean(values);
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1));
    }

    private static string Range(int first, int last) => first == last ? FormattableString.Invariant($" {first}") : FormattableString.Invariant($"s {first}–{last}");
}
