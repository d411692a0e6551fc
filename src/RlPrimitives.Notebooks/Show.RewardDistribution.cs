using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>How rewards were distributed in the first iterations and in the last: one bar per value where values are few, else equal ranges.</summary>
    /// <param name="history">The run.</param>
    /// <exception cref="ArgumentException">The history has no steps, or no finite reward.</exception>
    public static Chart RewardDistribution(TrainingHistory history)
    {
        Checked(history);
        if (history.Count == 1)
        {
            return RewardDistribution(history[0].Rewards, $"Rewards of iteration {history[0].Iteration} of {history.Algorithm}");
        }

        var window = Thinning.EndWindow(history.Count);
        double[] first = Finite(history.Take(window).SelectMany(s => s.Rewards)), last = Finite(history.Skip(history.Count - window).SelectMany(s => s.Rewards));
        var bins = Binning.Of([.. first, .. last]);
        string early = "iteration" + Range(history[0].Iteration, history[window - 1].Iteration), late = "iteration" + Range(history[^window].Iteration, history[^1].Iteration);
        var title = $"Rewards {Spread(Thinning.Mean(first), Deviation(first))} → {Spread(Thinning.Mean(last), Deviation(last))} (mean ± std) in {Count(history.Count, "iteration")} of {history.Algorithm}";
        Trace[] traces = [Bars(early, bins, first, Palette.Grey), Bars(late, bins, last, Palette.For([history.Algorithm])[0])];
        return Chart.Of(title, DistributionLayout(title, bins, legend: true), traces);
    }

    /// <summary>How rewards are distributed: one bar per value where values are few, else equal ranges.</summary>
    /// <param name="rewards">One for each trajectory; what is not finite is left out and counted in the title.</param>
    /// <param name="title">Replaces the title, which states mean and standard deviation.</param>
    /// <exception cref="ArgumentException">There is no finite reward.</exception>
    public static Chart RewardDistribution(IReadOnlyList<float> rewards, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        var finite = Finite(rewards);
        var bins = Binning.Of(finite);
        title ??= $"{Count(finite.Length, "reward")}: mean {Spread(Thinning.Mean(finite), Deviation(finite))} std";
        title += finite.Length < rewards.Count ? $" ({rewards.Count - finite.Length} not finite left out)" : "";
        return Chart.Of(title, DistributionLayout(title, bins, legend: false), [Bars("rewards", bins, finite, Palette.Blue)]);
    }

    private static Trace Bars(string name, Binning bins, double[] values, string colour)
    {
        var trace = Traces.Bars(name, bins.Discrete ? Enumerable.Range(0, bins.Centres.Length).Select(bins.Label).ToArray() : bins.Centres, bins.Percent(values), colour);
        return bins.Discrete
            ? trace.With(("hovertemplate", "%{x}: %{y:.3g} %"))
            : trace.With(("opacity", 0.6), ("width", bins.Width), ("customdata", Enumerable.Range(0, bins.Centres.Length).Select(bins.Label).ToArray()), ("hovertemplate", "%{customdata}: %{y:.3g} %"));
    }

    private static Layout DistributionLayout(string title, Binning bins, bool legend) =>
        Layouts.Of(title, new Panel("reward per trajectory", "share of trajectories", Percent: true, Categories: bins.Discrete), legend)
            .With(("barmode", bins.Discrete ? "group" : "overlay"), ("bargap", bins.Discrete ? 0.2 : 0.02));

    private static double[] Finite(IEnumerable<float> values) => [.. values.Where(float.IsFinite).Select(v => (double)v)];

    private static double Deviation(double[] values)
    {
        var mean = Thinning.Mean(values);
        return values.Length < 2 ? 0 : Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1));
    }

    private static string Range(int first, int last) => first == last ? FormattableString.Invariant($" {first}") : FormattableString.Invariant($"s {first}–{last}");
}
