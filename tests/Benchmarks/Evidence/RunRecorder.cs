using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using RlPrimitives.Algorithms;

namespace Benchmarks.Evidence;

/// <summary>Writes one line a step: which experiment, method and seed, and what the step measured.</summary>
internal sealed class RunRecorder : IDisposable
{
    private readonly StreamWriter writer;
    private readonly string experiment;

    public RunRecorder(string path, string experiment)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        writer = new StreamWriter(path) { NewLine = "\n", AutoFlush = true };
        this.experiment = experiment;
    }

    /// <summary>Trains and records; the last line goes to the terminal too.</summary>
    /// <param name="method">The curve this run belongs to.</param>
    /// <param name="seed">Of the run.</param>
    /// <param name="algorithm">What trains.</param>
    /// <param name="iterations">How long.</param>
    /// <param name="more">Further numbers of a step.</param>
    public async Task<TrainingHistory> TrainAsync(string method, ulong seed, Algorithm algorithm, int iterations, Func<TrainStep, IEnumerable<(string, double)>>? more = null)
    {
        var samples = 0L;
        var history = await algorithm.TrainAsync(iterations, new Synchronously(step =>
        {
            samples += step.Rollouts.Trajectories;
            var line = new JsonObject
            {
                ["experiment"] = experiment, ["method"] = method, ["seed"] = seed, ["iteration"] = step.Iteration, ["samples"] = samples,
                ["seconds"] = Rounded(step.Rollouts.Seconds + step.UpdateSeconds), ["reward_mean"] = Rounded(step.RewardMean), ["reward_std"] = Rounded(step.RewardStd),
                ["response_length"] = Rounded(step.Rollouts.MeanResponseLength), ["entropy"] = Rounded(step.Update.Entropy), ["kl"] = Rounded(step.Update.Kl),
                ["policy_kl"] = Rounded(step.Update.PolicyKl), ["gradient_norm"] = Rounded(step.Update.GradientNorm), ["zero_variance"] = Rounded(step.ZeroVarianceFraction),
            };
            foreach (var (name, scores) in step.Objectives)
            {
                line[name] = Rounded(scores.Mean);
            }

            if (step.Hypervolume is { } volume)
            {
                line["hypervolume"] = Rounded(volume);
                line["group_hypervolume"] = Rounded(step.GroupHypervolume!.Value);
            }

            if (step.Evaluation is { } held)
            {
                line["held_out"] = Rounded(held.Average.Value);
                line["held_out_low"] = Rounded(held.Average.Low);
                line["held_out_high"] = Rounded(held.Average.High);
            }

            foreach (var (name, value) in more?.Invoke(step) ?? [])
            {
                line[name] = Rounded(value);
            }

            writer.WriteLine(line.ToJsonString());
        }));
        var last = history[^1];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{experiment,-14} {method,-24} seed {seed}: reward {history[0].RewardMean:F3} → {last.RewardMean:F3}  held out {last.Evaluation?.Average}  {history.Sum(s => s.Rollouts.Seconds + s.UpdateSeconds):F0} s"));
        return history;
    }

    public void Dispose() => writer.Dispose();

    private static JsonValue? Rounded(double value) =>
        double.IsFinite(value) ? JsonValue.Create(double.Parse(value.ToString("G6", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture)) : null;

    private sealed class Synchronously(Action<TrainStep> report) : IProgress<TrainStep>
    {
        public void Report(TrainStep value) => report(value);
    }
}
