using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>pass@k by k, the chance that one of k responses is right, with 95 % intervals over the problems.</summary>
    /// <param name="result">An evaluation whose plan asked for several k.</param>
    /// <param name="title">Replaces the title, which states the ends of the curve.</param>
    /// <exception cref="ArgumentException">The result has no pass@k.</exception>
    public static Chart PassAtK(EvaluationResult result, string? title = null) => PassAtK([("pass@k", result)], title);

    /// <summary>pass@k of several evaluations: before and after training, or several methods.</summary>
    /// <param name="results">Label and evaluation of each curve.</param>
    /// <param name="title">Replaces the title, which states the ends of each curve.</param>
    /// <exception cref="ArgumentException">There is no result, or one has no pass@k.</exception>
    public static Chart PassAtK(IReadOnlyList<(string Label, EvaluationResult Result)> results, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(results);
        if (results.Count == 0 || results.Any(r => r.Result.PassAt.Count == 0))
        {
            throw new ArgumentException("There is no pass@k to show: give EvaluationPlan.PassAt some k and as many Samples.", nameof(results));
        }

        var colours = Palette.For([.. results.Select(r => r.Label)]);
        var (bands, lines, findings) = (new List<Trace>(), new List<Trace>(), new List<string>());
        for (var i = 0; i < results.Count; i++)
        {
            var points = results[i].Result.PassAt.OrderBy(p => p.Key).ToArray();
            double[] k = [.. points.Select(p => (double)p.Key)];
            bands.Add(Traces.Band(results[i].Label, k, [.. points.Select(p => 100 * p.Value.Low)], [.. points.Select(p => 100 * p.Value.High)], colours[i], legend: false, opacity: 0.15));
            lines.Add(Traces.Line(results[i].Label, k, [.. points.Select(p => 100 * p.Value.Value)], colours[i]).With(
                ("mode", "lines+markers"), ("hovertext", points.Select(p => $"pass@{p.Key} {Percent(p.Value.Value)} ({Percent(p.Value.Low)} to {Percent(p.Value.High)})").ToArray()), ("hoverinfo", "name+text")));
            findings.Add((results.Count > 1 ? results[i].Label + ": " : "") + string.Join(" → ", new[] { points[0], points[^1] }.DistinctBy(p => p.Key).Select(p => $"pass@{p.Key} {Percent(p.Value.Value)}")));
        }

        int[] counts = [.. results.Select(r => r.Result.Problems).Distinct()], samples = [.. results.Select(r => r.Result.Samples).Distinct()];
        title ??= string.Join("; ", findings) + $" (95 % intervals{(counts.Length == 1 ? ", " + Count(counts[0], "problem") : "")}{(samples.Length == 1 ? $", {Count(samples[0], "response")} each" : "")})";
        int[] ks = [.. results.SelectMany(r => r.Result.PassAt.Keys).Distinct().Order()];
        var panel = new Panel("k, responses", "problems solved by one of k", Percent: true, FromZero: true, XTicks: [.. ks.Select(k => ((double)k, FormattableString.Invariant($"{k}")))]);
        var layout = Layouts.Of(title, panel, legend: results.Count > 1);
        if (ks[^1] >= 8 * ks[0])
        {
            layout.With(("xaxis", ((Plotly.NET.LayoutObjects.LinearAxis)layout.TryGetPropertyValue("xaxis")!.Value).With(("type", "log"))));
        }

        return Chart.Of(title, layout, [.. bands, .. lines]);
    }

    /// <summary>pass@k of the last evaluation that a run has recorded, beside the first.</summary>
    /// <param name="history">The run.</param>
    /// <param name="title">Replaces the title.</param>
    /// <exception cref="ArgumentException">No step was evaluated.</exception>
    public static Chart PassAtK(TrainingHistory history, string? title = null)
    {
        var evaluated = Checked(history).Where(s => s.Evaluation is not null).ToArray();
        return evaluated.Length == 0
            ? throw new ArgumentException("No step was evaluated: give AlgorithmConfig.Evaluation.", nameof(history))
            : PassAtK([.. new[] { evaluated[0], evaluated[^1] }.Distinct().Select(s => (FormattableString.Invariant($"iteration {s.Iteration}"), s.Evaluation!))], title);
    }
}
