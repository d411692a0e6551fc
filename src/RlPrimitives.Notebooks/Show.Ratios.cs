using Plotly.NET;
using RlPrimitives.Backprop;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>How far the policy has moved: ratios of new to old probability as a histogram, the range within which the loss does not clip shaded.</summary>
    /// <param name="ratios">π(token)/π_old(token), one for each token (or sequence); what is not finite is left out and counted in the title.</param>
    /// <param name="clipLow">ε below 1, in [0, 1]: the lower bound is 1 − clipLow, as in <see cref="ClipRange.Low"/>.</param>
    /// <param name="clipHigh">ε above 1, at least 0: the upper bound is 1 + clipHigh.</param>
    /// <param name="title">Replaces the title, which says how many are outside.</param>
    /// <exception cref="ArgumentException">There is no finite ratio.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A bound is out of its range.</exception>
    public static Chart Ratios(IReadOnlyList<float> ratios, double clipLow = 0.2, double clipHigh = 0.2, string? title = null) =>
        Ratios(ratios, new ClipRange { Low = clipLow, High = clipHigh }, title);

    /// <summary>As <see cref="Ratios(IReadOnlyList{float}, double, double, string?)"/>, with the range of a loss.</summary>
    /// <param name="ratios">π(token)/π_old(token), one for each token (or sequence).</param>
    /// <param name="clip">The range.</param>
    /// <param name="title">Replaces the title.</param>
    /// <exception cref="ArgumentException">There is no finite ratio.</exception>
    public static Chart Ratios(IReadOnlyList<float> ratios, ClipRange clip, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(ratios);
        ArgumentNullException.ThrowIfNull(clip);
        var finite = Finite(ratios);
        double low = 1 - clip.Low, high = 1 + clip.High;
        var bins = Binning.Equal(finite, low, high, "There is no finite ratio to show.");
        var heights = bins.Percent(finite);
        var below = finite.Count(r => r < low);
        var above = finite.Count(r => r > high);
        double[] ends = [low, high];
        Trace Part(string name, Func<double, bool> holds, string colour)
        {
            var mine = Enumerable.Range(0, bins.Centres.Length).Where(i => holds(bins.Centres[i])).ToArray();
            return Traces.Bars(name, mine.Select(i => bins.Centres[i]).ToArray(), [.. mine.Select(i => heights[i])], colour).With(
                ("width", bins.Width), ("customdata", mine.Select(bins.Label).ToArray()), ("hovertemplate", "%{customdata}: %{y:.3g} %"));
        }

        var top = heights.Max() * 1.05;
        Trace[] traces =
        [
            Traces.Band($"not clipped: {Short(low)} to {Short(high)}", ends, [0, 0], [top, top], Palette.Green, opacity: 0.15),
            Part("inside", c => c >= low && c <= high, Palette.Blue),
            .. below + above == 0 ? (Trace[])[] : [Part("outside", c => c < low || c > high, Palette.Vermillion)],
        ];
        title ??= $"{Percent((double)(below + above) / finite.Length)} of {Count(finite.Length, "ratio")} {(finite.Length == 1 ? "is" : "are")} outside {Short(low)} to {Short(high)} ({below} below, {above} above)";
        title += finite.Length < ratios.Count ? $" ({ratios.Count - finite.Length} not finite left out)" : "";
        return Chart.Of(title, Layouts.Of(title, new Panel("ratio of new to old probability", "share of the ratios", Percent: true, YRange: (0, top))).With(("barmode", "overlay"), ("bargap", 0.02)), traces);
    }
}
