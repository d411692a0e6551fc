using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tracking;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Thousands of tiny iterations of everything together: what leaks or slows down shows.</summary>
internal static class Soak
{
    /// <summary><c>soak [--iterations N] [--every N] [--out FILE]</c>, from the repository's root.</summary>
    public static async Task RunAsync(string[] args)
    {
        int iterations = int.Parse(Value("--iterations", "2000"), CultureInfo.InvariantCulture), every = int.Parse(Value("--every", "50"), CultureInfo.InvariantCulture);
        var work = Directory.CreateTempSubdirectory("soak-").FullName;
        using var writer = new StreamWriter(Value("--out", "data/benchmarks/soak.jsonl")) { NewLine = "\n", AutoFlush = true };
        try
        {
            Write(new JsonObject
            {
                ["soak"] = iterations, ["cpu"] = Report.Cpu, ["cores"] = Environment.ProcessorCount, ["threads"] = get_num_threads(),
                ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm'Z'", CultureInfo.InvariantCulture), ["commit"] = Report.Commit, [".NET"] = Environment.Version.ToString(),
            }, []);
            var measured = new List<(int Iteration, Dictionary<string, double> Values)>();
            await MeasureAsync(iterations, every, work, (iteration, values) =>
            {
                measured.Add((iteration, values));
                Write(new JsonObject { ["iteration"] = iteration }, values);
            });
            var half = measured.Where(m => m.Iteration > iterations / 2).ToArray();
            Write(
                new JsonObject { ["slope_per_1000_iterations"] = "share of the mean, second half" },
                half[0].Values.Keys.ToDictionary(name => name, name => Slope([.. half.Select(m => (m.Iteration / 1000.0, m.Values[name]))])));
        }
        finally
        {
            Directory.Delete(work, recursive: true);
        }

        string Value(string option, string otherwise) => Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;

        void Write(JsonObject line, Dictionary<string, double> values)
        {
            foreach (var (name, value) in values)
            {
                line[name] = double.Parse(value.ToString("G5", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
            }

            writer.WriteLine(line.ToJsonString());
            Console.WriteLine(line.ToJsonString());
        }
    }

    private static async Task MeasureAsync(int iterations, int every, string work, Action<int, Dictionary<string, double>> measured)
    {
        using var inference = await InferenceModule.FromPretrainedAsync("data/models/tiny-calc");
        var task = new SimpleTextEnvironment(inference, Prompts.Load("data/prompts/addition.jsonl"), sampling: new SamplingOptions { MaxNewTokens = 8 });
        var environment = new SvrlEnvironment(task, [Calculator.Tool()], new SvrlOptions { Budget = 1 });
        var rollouts = new RolloutManager(environment, new RolloutConfig { GroupSize = 4, Seed = 1 });
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-5 });
        var algorithm = new GrpoAlgorithm(environment, rollouts, new RewardComputer((new ExactMatch(), 1)), backprop, new AlgorithmConfig
        {
            BatchSize = 8, Update = UpdateConfig.Grpo with { Kl = KlPenalty.InLoss }, CheckpointDirectory = Path.Combine(work, "checkpoints"), SaveEvery = 100,
            Tracking = new TrackingConfig { Folder = Path.Combine(work, "runs"), UseTensorBoard = true },
        });
        var clock = Stopwatch.StartNew();
        long tokens = 0;
        double generating = 0, updating = 0;
        await foreach (var step in algorithm.StepsAsync(iterations))
        {
            tokens += step.Rollouts.ResponseTokens;
            generating += step.Rollouts.Seconds;
            updating += step.UpdateSeconds;
            if (step.Iteration % every == 0)
            {
                GC.Collect(); // the heap as it is without garbage
                GC.WaitForPendingFinalizers();
                using var process = Process.GetCurrentProcess();
                measured(step.Iteration, new()
                {
                    ["rss_mb"] = process.WorkingSet64 / 1e6, ["managed_mb"] = GC.GetTotalMemory(forceFullCollection: true) / 1e6, ["live_tensors"] = Tensor.TotalCount,
                    ["threads"] = process.Threads.Count, ["seconds_per_iteration"] = clock.Elapsed.TotalSeconds / every, ["sampled_tokens_per_second"] = tokens / generating,
                    ["update_seconds_per_iteration"] = updating / every, ["process_cpu_seconds_per_iteration"] = Cpu(process) / every,
                });
                (tokens, generating, updating) = (0, 0, 0);
                clock.Restart();
            }
        }
    }

    private static TimeSpan cpuBefore;

    private static double Cpu(Process process)
    {
        var since = process.TotalProcessorTime - cpuBefore;
        cpuBefore = process.TotalProcessorTime;
        return since.TotalSeconds;
    }

    // Least squares, as a share of the mean.
    private static double Slope((double X, double Y)[] points)
    {
        double x = points.Average(p => p.X), y = points.Average(p => p.Y);
        var slope = points.Sum(p => (p.X - x) * (p.Y - y)) / Math.Max(1e-12, points.Sum(p => (p.X - x) * (p.X - x)));
        return y == 0 ? 0 : slope / y;
    }
}
