using System.Net;
using System.Text;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Notebooks.Formatting;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks.Live;

/// <summary>What is known of a run while it goes on, and how that looks.</summary>
/// <param name="Step">The newest step.</param>
/// <param name="Rewards">Mean reward of every step so far.</param>
/// <param name="Elapsed">Since the run began.</param>
/// <param name="Alarms">Every alarm so far by name: the newest, and on how many steps.</param>
internal sealed record TrainingPanel(TrainStep Step, IReadOnlyList<double> Rewards, TimeSpan Elapsed, IReadOnlyDictionary<string, (Alarm Newest, int Steps)> Alarms)
{
    private const int SparkWidth = 200, SparkHeight = 36;

    public bool IsFinal => Step.Iteration >= Step.Iterations;

    /// <summary>Time left at the pace so far.</summary>
    public TimeSpan Remaining => Elapsed / Rewards.Count * Math.Max(0, Step.Iterations - Step.Iteration);

    private double Share => Math.Clamp((double)Step.Iteration / Math.Max(1, Step.Iterations), 0, 1);

    /// <summary>The numbers in one line of text.</summary>
    public string Numbers => string.Join("  ",
    [
        FormattableString.Invariant($"iteration {Step.Iteration}/{Step.Iterations}"),
        "reward " + Short(Step.RewardMean),
        "entropy " + Short(Step.Update.Entropy),
        .. double.IsNaN(Step.Update.Kl) ? Array.Empty<string>() : ["kl " + Short(Step.Update.Kl)],
        Short(Step.Rollouts.TokensPerSecond) + " tok/s",
        IsFinal ? "in " + Clock(Elapsed) : "ETA " + Clock(Remaining),
    ]);

    /// <summary>The newest step's alarms by name, marked.</summary>
    public IEnumerable<string> AlarmsNow => Step.Alarms.Select(a => "! " + a.Name);

    public IReadOnlyDictionary<string, string> ToBundle() => new Dictionary<string, string> { [MimeTypes.Html] = Html(), [MimeTypes.Plain] = string.Join("  ", [Numbers, .. AlarmsNow]) };

    private string Html()
    {
        var share = 100 * Share;
        var colour = IsFinal ? Palette.Green : Palette.Blue;
        return FormattableString.Invariant($"""
            <div style="font-family:sans-serif;font-size:13px;max-width:860px">
            <div style="display:flex;gap:1em;align-items:center"><b>iteration {Step.Iteration} of {Step.Iterations}</b>
            <div style="flex:1;height:8px;border-radius:4px;background:rgba(128,128,128,0.25)"><div style="width:{share:0.#}%;height:8px;border-radius:4px;background:{colour}"></div></div>
            <span>{(IsFinal ? $"done in {Clock(Elapsed)}" : $"{Clock(Elapsed)} so far, {Clock(Remaining)} left")}</span></div>
            <div style="display:flex;gap:1em;align-items:center;margin-top:4px">{Sparkline()}<span>{string.Join(" &nbsp; ", Details().Select(n => $"{WebUtility.HtmlEncode(n.Name)}&nbsp;<b>{WebUtility.HtmlEncode(n.Value)}</b>"))}</span></div>
            {string.Concat(Alarms.Select(a => Line(a.Value.Newest, a.Value.Steps)))}</div>
            """);
    }

    private static string Line(Alarm alarm, int steps) => FormattableString.Invariant(
        $"<div style=\"margin-top:4px;color:{Palette.Vermillion}\"><b>{WebUtility.HtmlEncode(alarm.Name)}</b> on {steps} step{(steps == 1 ? "" : "s")}: {WebUtility.HtmlEncode(alarm.Message)}. <i>{WebUtility.HtmlEncode(alarm.Remedy)}</i></div>\n");

    private IEnumerable<(string Name, string Value)> Details()
    {
        yield return ("reward", $"{Short(Rewards[0])} → {Short(Step.RewardMean)}");
        yield return ("entropy", Short(Step.Update.Entropy) + " nats");
        if (!double.IsNaN(Step.Update.Kl))
        {
            yield return ("KL", Short(Step.Update.Kl) + " nats");
        }

        yield return ("length", Short(Step.Rollouts.MeanResponseLength) + " tokens");
        yield return ("speed", Short(Step.Rollouts.TokensPerSecond) + " tok/s");
        if (Step.Rollouts.Failed > 0)
        {
            yield return ("failed rollouts", FormattableString.Invariant($"{Step.Rollouts.Failed}"));
        }
    }

    private string Sparkline()
    {
        var values = Thinning.Average(Rewards, Thinning.Stride(Rewards.Count, SparkWidth / 2));
        var finite = values.Where(double.IsFinite).ToArray();
        if (finite.Length < 2)
        {
            return "";
        }

        double low = finite.Min(), range = Math.Max(finite.Max() - low, 1e-9);
        var points = new StringBuilder();
        for (var i = 0; i < values.Length; i++)
        {
            if (double.IsFinite(values[i]))
            {
                points.Append(FormattableString.Invariant($"{2 + (i * (SparkWidth - 4.0) / (values.Length - 1)):0.#},{SparkHeight - 3 - ((values[i] - low) / range * (SparkHeight - 6)):0.#} "));
            }
        }

        return FormattableString.Invariant(
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{SparkWidth}\" height=\"{SparkHeight}\" role=\"img\" aria-label=\"mean reward so far\"><polyline points=\"{points.ToString().TrimEnd()}\" fill=\"none\" stroke=\"{Palette.Blue}\" stroke-width=\"1.5\"/></svg>");
    }
}
