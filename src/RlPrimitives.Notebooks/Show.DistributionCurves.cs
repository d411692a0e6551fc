using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int MostCurves = 10;

    private static Chart DistributionCurves(TrainingHistory history, double[][] values, DistributionKind kind, string title, string axis, string colour)
    {
        var stretches = Stretches(history, values);
        if (stretches.Length == 0)
        {
            throw new ArgumentException("There is no finite reward to show.", nameof(values));
        }

        double low = stretches.Min(s => s.Values.Min()), high = stretches.Max(s => s.Values.Max());
        var apart = stretches.Length > 1 ? (stretches[^1].Middle - stretches[0].Middle) / (stretches.Length - 1) : 1;
        var curves = stretches.Select(s => (s.Name, s.Middle, s.Values, Density: Density.Of(s.Values, low, high))).ToArray();
        var violin = kind == DistributionKind.Violin;
        var traces = new List<Trace>();
        foreach (var (name, middle, _, density) in violin ? curves : [.. curves.Reverse()]) // the early ridges stand in front
        {
            var reach = Array.ConvertAll(density.Height, h => Math.Round(h * apart * (violin ? 0.45 : 1.5), 2));
            var back = Enumerable.Range(0, reach.Length).Reverse().ToArray();
            double[] along = [.. density.At, .. back.Select(i => density.At[i])];
            double[] across = [.. reach.Select(r => middle + r), .. back.Select(i => violin ? middle - reach[i] : middle)];
            traces.Add(Traces.Area(name, violin ? across : along, violin ? along : across, colour, 0.35, legend: false).With(("line", new Line().With(("color", colour), ("width", 1)))));
        }

        double[] middles = [.. curves.Select(c => c.Middle)], means = [.. curves.Select(c => c.Values.Average())];
        string[] hover = [.. curves.Select(c => $"iteration{c.Name}: mean {Spread(c.Values.Average(), Deviation(c.Values))} std, {c.Values.Length} values, {Short(c.Values.Min())} to {Short(c.Values.Max())}")];
        traces.Add(Traces.Dots("mean", violin ? middles : means, violin ? means : middles, Palette.Vermillion, 7, hover));
        (double, string)[] ticks = [.. curves.Select(c => (c.Middle, c.Name.TrimStart('s', ' ')))];
        var counted = curves.Any(c => c.Name[0] == 's') ? "iterations" : "iteration";
        (double, double)? range = high > low ? null : (low - (low == 0 ? 0.5 : Math.Abs(low) / 2), low + (low == 0 ? 0.5 : Math.Abs(low) / 2)); // one value is no spread
        var panel = violin ? new Panel(counted, axis, YRange: range, XTicks: ticks) : new Panel(axis, counted, XRange: range, YTicks: ticks);
        return Chart.Of(title, Layouts.Of(title, panel, height: violin ? 360 : 420), traces);
    }

    // Consecutive iterations together, so that there are at most as many curves as can be told apart.
    private static (string Name, double Middle, double[] Values)[] Stretches(TrainingHistory history, double[][] values)
    {
        var stride = Thinning.Stride(history.Count, MostCurves);
        return [.. Enumerable.Range(0, (history.Count + stride - 1) / stride)
            .Select(i => (From: i * stride, To: Math.Min(history.Count, (i + 1) * stride) - 1))
            .Select(s => (Range(history[s.From].Iteration, history[s.To].Iteration), (history[s.From].Iteration + history[s.To].Iteration) / 2.0, values[s.From..(s.To + 1)].SelectMany(v => v).ToArray()))
            .Where(s => s.Item3.Length > 0)];
    }
}
