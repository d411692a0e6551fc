using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>
    /// Where the time of an iteration goes (seconds, stacked) and how fast tokens are sampled and trained. The wall time of a collection is shared out as its trajectories' own
    /// time was: waiting for the model, in tools, in the environment.
    /// </summary>
    /// <param name="history">The run.</param>
    /// <param name="title">Replaces the title, which states the shares over the whole run.</param>
    /// <exception cref="ArgumentException">The history has no steps.</exception>
    public static Chart SpeedProfile(TrainingHistory history, string? title = null)
    {
        Checked(history);
        (string Name, Func<TrainStep, double> Seconds, string Colour)[] parts =
        [
            ("generation", s => s.Rollouts.Seconds * ShareOf(s, t => t.ModelSeconds, otherwise: 1), Palette.Blue),
            ("tools", s => s.Rollouts.Seconds * ShareOf(s, t => t.ToolSeconds, otherwise: 0), Palette.Green),
            ("environment", s => s.Rollouts.Seconds * ShareOf(s, t => t.EnvironmentSeconds, otherwise: 0), Palette.Sky),
            ("update", s => s.UpdateSeconds, Palette.Orange),
            ("evaluation", s => s.Evaluation?.Seconds ?? 0, Palette.Purple),
        ];
        var stride = Thinning.Stride(history.Count, SmallCurvePoints / 3);
        var x = Thinning.Average(Iterations(history), stride);
        double[] wide = x.Length > 1 ? x : [x[0] - 0.5, x[0] + 0.5];
        var traces = new List<Trace>();
        var ground = new double[wide.Length];
        var whole = history.Sum(s => parts.Sum(p => p.Seconds(s)));
        List<string> findings = [];
        foreach (var (name, seconds, colour) in parts)
        {
            double[] exact = [.. history.Select(seconds)];
            if (exact.Sum() <= 0)
            {
                continue;
            }

            var mean = Thinning.Average(exact, stride);
            double[] mine = mean.Length > 1 ? mean : [mean[0], mean[0]];
            var top = ground.Zip(mine, (g, m) => g + m).ToArray();
            traces.Add(Traces.Band(name, wide, ground, top, colour, opacity: 0.6));
            traces.Add(Traces.Line(name, wide, top, colour, width: 1, legend: false).With(("hovertext", mine.Select(m => $"{name} {Short(m)} s").ToArray()), ("hoverinfo", "text")));
            findings.Add($"{Percent(Math.Round(exact.Sum() / whole, 3))} {name}");
            ground = top;
        }

        traces.Add(Traces.Line("sampled", x, Thinning.Average([.. history.Select(s => s.Rollouts.TokensPerSecond)], stride), Palette.Blue, panel: 2));
        if (history.Any(s => s.UpdateTokensPerSecond > 0))
        {
            traces.Add(Traces.Line("trained", x, Thinning.Average([.. history.Select(s => s.UpdateTokensPerSecond)], stride), Palette.Orange, panel: 2));
        }

        var sampled = history.Sum(s => (double)s.Rollouts.ResponseTokens) / Math.Max(1e-9, history.Sum(s => s.Rollouts.Seconds));
        title ??= $"{Short(whole / history.Count)} s per iteration: {string.Join(", ", findings)}; {Short(sampled)} tokens/s sampled ({Count(history.Count, "iteration")} of {history.Algorithm})";
        var axis = Thinning.IterationTitle(stride);
        return Chart.Of(title, Layouts.Of(title, [new Panel(axis, null, "seconds per iteration", FromZero: true), new Panel(axis, null, "tokens per second", FromZero: true)], columns: 2, legend: true, height: 360), traces);
    }

    private static double ShareOf(TrainStep step, Func<Rollouts.RolloutTimings, double> part, double otherwise) =>
        step.Timings is { } t && t.ModelSeconds + t.ToolSeconds + t.EnvironmentSeconds is > 0 and var all ? part(t) / all : otherwise;
}
