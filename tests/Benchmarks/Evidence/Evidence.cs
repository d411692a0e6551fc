using System.Diagnostics;
using System.Globalization;

namespace Benchmarks.Evidence;

/// <summary>Runs whose outcome the project claims, several seeds each, recorded step by step in <c>data/runs</c>.</summary>
internal static class Evidence
{
    private static readonly Dictionary<string, Func<RunRecorder, IReadOnlyList<ulong>, Task>> Experiments = new()
    {
        ["tiny-calc"] = TinyCalcRuns.RunAsync,
        ["pareto"] = ParetoRuns.RunAsync,
        ["svrl"] = SvrlRuns.RunAsync,
        ["svrl-rewards"] = SvrlRewardRuns.RunAsync,
        ["random-walks"] = RandomWalkRuns.RunAsync,
    };

    /// <summary><c>evidence NAME|all [--seeds N|A,B] [--out FOLDER]</c>: N seeds from 1 on, or those named</summary>
    public static async Task RunAsync(string[] args)
    {
        var name = args.Length > 0 ? args[0] : "";
        var chosen = Experiments.Where(e => name == "all" || e.Key == name).ToArray();
        if (chosen.Length == 0)
        {
            throw new ArgumentException($"Usage: evidence {string.Join('|', Experiments.Keys)}|all [--seeds N] [--out FOLDER]");
        }

        var asked = Value("--seeds", "3").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(s => ulong.Parse(s, CultureInfo.InvariantCulture)).ToArray();
        var seeds = Value("--seeds", "3").Contains(',', StringComparison.Ordinal) ? asked : [.. Enumerable.Range(1, (int)asked[0]).Select(s => (ulong)s)];
        foreach (var (experiment, run) in chosen)
        {
            var clock = Stopwatch.StartNew();
            using var recorder = new RunRecorder(Path.Combine(Value("--out", "data/runs"), experiment + ".jsonl"), experiment);
            await run(recorder, seeds);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{experiment}: {clock.Elapsed.TotalMinutes:F1} minutes"));
        }

        string Value(string option, string otherwise) => Array.IndexOf(args, option) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : otherwise;
    }
}
