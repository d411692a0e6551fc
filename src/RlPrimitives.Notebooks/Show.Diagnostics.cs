using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int SmallCurvePoints = 120;

    /// <summary>
    /// Is the run healthy? Small panels of entropy and KL divergence (nats), clipped tokens, gradient norm, response length (tokens), and the shares
    /// of truncated trajectories and of groups without a signal. Alarms are marked where they begin, on the panel that they are about; the title names them.
    /// </summary>
    /// <param name="history">The run.</param>
    /// <exception cref="ArgumentException">The history has no steps.</exception>
    public static Chart Diagnostics(TrainingHistory history)
    {
        Checked(history);
        var stride = Thinning.Stride(history.Count, SmallCurvePoints);
        var x = Thinning.Average(Iterations(history), stride);
        var axis = Thinning.IterationTitle(stride);
        List<Panel> panels = [];
        List<Trace> traces = [];
        void Add(string title, params (string Name, Func<TrainStep, double> Value, string Colour)[] curves)
        {
            panels.Add(new Panel(axis, null, title, FromZero: true));
            traces.AddRange(curves.Select(c => Traces.Line(
                c.Name, x, Thinning.Average([.. history.Select(c.Value)], stride), c.Colour, panel: panels.Count, legend: curves.Length > 1)));
        }

        Add("entropy, nats per token", ("entropy", s => s.Update.Entropy, Palette.Blue));
        if (history.Any(s => double.IsFinite(s.Update.Kl)))
        {
            Add("KL to reference, nats per token", ("KL", s => s.Update.Kl, Palette.Blue));
        }

        Add("clipped, % of tokens", ("clipped below", s => 100 * s.Update.ClipLow, Palette.Orange), ("clipped above", s => 100 * s.Update.ClipHigh, Palette.Purple));
        Add("gradient norm before clipping, L2", ("gradient norm", s => s.Update.GradientNorm, Palette.Blue));
        Add("response length, tokens", ("mean response length", s => s.Rollouts.MeanResponseLength, Palette.Blue));
        Add("% of trajectories, % of groups", ("truncated trajectories", s => 100 * s.Rollouts.TruncatedFraction, Palette.Vermillion), ("groups of equal reward", s => 100 * s.ZeroVarianceFraction, Palette.Green));
        var alarms = Alarms(history).ToArray();
        traces.AddRange(alarms.GroupBy(a => PanelOf(a.Alarm.Name, panels)).Select((g, n) => AlarmMarks(g.Key + 1, [.. g], history, panels[g.Key].Heading!, legend: n == 0)));
        var (before, after) = Ends([.. history.Select(s => s.Update.Entropy)]);
        var (_, kl) = Ends([.. history.Select(s => s.Update.Kl)]);
        var (_, clipped) = Ends([.. history.Select(s => s.Update.ClipLow + s.Update.ClipHigh)]);
        var title = $"Entropy {(history.Count > 1 ? Short(before) + " → " : "")}{Short(after)} nats, {(double.IsNaN(kl) ? "" : $"KL {Short(kl)} nats, ")}{Percent(clipped)} clipped after {Count(history.Count, "iteration")} of {history.Algorithm}"
            + (alarms.Length == 0 ? "" : "; alarms: " + string.Join(", ", alarms.GroupBy(a => a.Alarm.Name).Select(g => FormattableString.Invariant($"{g.Key} from iteration {g.First().Step.Iteration}"))));
        return Chart.Of(title, Layouts.Of(title, [.. panels], columns: 3, legend: true, height: 480), traces);
    }

    // An alarm that goes on is told once.
    private static IEnumerable<(TrainStep Step, Alarm Alarm)> Alarms(TrainingHistory history)
    {
        HashSet<string> before = [];
        foreach (var step in history)
        {
            foreach (var alarm in step.Alarms.Where(a => !before.Contains(a.Name)))
            {
                yield return (step, alarm);
            }

            before = [.. step.Alarms.Select(a => a.Name)];
        }
    }

    // By the first words of the panel's heading; what has no panel of its own goes to the last.
    private static int PanelOf(string alarm, List<Panel> panels)
    {
        var heading = alarm switch { "entropy collapse" => "entropy", "KL runaway" => "KL", _ => "% of" };
        var index = panels.FindIndex(p => p.Heading!.StartsWith(heading, StringComparison.Ordinal));
        return index < 0 ? panels.Count - 1 : index;
    }

    private static Trace AlarmMarks(int panel, (TrainStep Step, Alarm Alarm)[] alarms, TrainingHistory history, string heading, bool legend)
    {
        double Height((TrainStep Step, Alarm Alarm) a) => a.Alarm.Name switch
        {
            "entropy collapse" => a.Step.Update.Entropy,
            "KL runaway" when heading.StartsWith("KL", StringComparison.Ordinal) => a.Step.Update.Kl,
            "truncation" => 100 * a.Step.Rollouts.TruncatedFraction,
            "failures" => 100 * a.Step.Rollouts.FailedFraction,
            "no signal" => 100 * a.Step.ZeroVarianceFraction,
            _ => 0,
        };
        return Traces.Dots(
            "alarm", [.. alarms.Select(a => (double)a.Step.Iteration)], [.. alarms.Select(Height)], Palette.Vermillion, 11,
            [.. alarms.Select(a => string.Join("<br>", PlotlyText.Wrap(FormattableString.Invariant($"iteration {a.Step.Iteration}, {a.Alarm.Name}: {a.Alarm.Message}. {a.Alarm.Remedy}"), 70).Select(PlotlyText.Escape)))],
            "triangle-down", panel, legend);
    }

    /// <summary>Mean and longest response per iteration, tokens; the title says how many were cut off at the end.</summary>
    /// <param name="history">The run.</param>
    /// <exception cref="ArgumentException">The history has no steps.</exception>
    public static Chart Lengths(TrainingHistory history)
    {
        Checked(history);
        var stride = Thinning.Stride(history.Count, CurvePoints);
        var x = Thinning.Average(Iterations(history), stride);
        double[] means = [.. history.Select(s => s.Rollouts.MeanResponseLength)];
        var colour = Palette.For([history.Algorithm])[0];
        Trace[] traces =
        [
            Traces.Line("longest", x, Thinning.Average([.. history.Select(s => (double)s.Rollouts.MaxResponseLength)], stride), Palette.Grey, width: 1),
            Traces.Line("mean", x, Thinning.Average(means, stride), colour),
        ];
        var (first, last) = Ends(means);
        var (_, cut) = Ends([.. history.Select(s => s.Rollouts.TruncatedFraction)]);
        var title = $"Mean response {(history.Count > 1 ? Short(first) + " → " : "")}{Short(last)} tokens in {Count(history.Count, "iteration")} of {history.Algorithm}; {Percent(cut)} truncated at the end";
        return Chart.Of(title, Layouts.Of(title, new Panel(Thinning.IterationTitle(stride), "sampled tokens per trajectory", FromZero: true)), traces);
    }

    /// <summary>Mean of each objective per iteration, in the order of their names.</summary>
    /// <param name="history">The run.</param>
    /// <exception cref="ArgumentException">The history has no steps, or its steps no objectives.</exception>
    public static Chart Objectives(TrainingHistory history)
    {
        var names = Checked(history).SelectMany(s => s.Objectives.Keys).Distinct().Order(StringComparer.Ordinal).ToArray();
        if (names.Length == 0)
        {
            throw new ArgumentException("No step of the history has an objective.", nameof(history));
        }

        var stride = Thinning.Stride(history.Count, Math.Max(40, CurvePoints / ((names.Length + 1) / 2)));
        var x = Thinning.Average(Iterations(history), stride);
        var values = names.Select(n => history.Select(s => s.Objectives.TryGetValue(n, out var scores) ? scores.Mean : double.NaN).ToArray()).ToArray();
        var colours = Palette.For(names);
        var title = string.Join(", ", names.Take(4).Select((n, i) => $"{n} {(history.Count > 1 ? Short(Ends(values[i]).First) + " → " : "")}{Short(Ends(values[i]).Last)}")) + (names.Length > 4 ? ", …" : "") + $" in {Count(history.Count, "iteration")} of {history.Algorithm}";
        return Chart.Of(title, Layouts.Of(title, new Panel(Thinning.IterationTitle(stride), "mean of the objective")), names.Select((n, i) => Traces.Line(n, x, Thinning.Average(values[i], stride), colours[i], Palette.DashOf(colours, i))));
    }
}
