using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace Benchmarks;

/// <summary>Tokens a second of each timed round.</summary>
internal sealed record Outcome(List<double> Ours, List<double> Peer);

/// <summary>Prints a line as each case ends, and keeps them for the file.</summary>
internal sealed class Report(Options options, Peer? peer)
{
    private readonly List<JsonObject> lines = [];
    private bool headed;

    /// <summary>Speed of one linear layer on both sides: where it differs, so do the BLAS libraries, and ratios speak of those too.</summary>
    public void Ceiling(string name, int tokens, int inner, int outer)
    {
        var ours = 2e-9 * tokens * inner * outer / RlPrimitives.Models.TensorThread.RunOnce(() => FastestLinear(tokens, inner, outer));
        var theirs = peer?.Ask("matmul", new JsonObject { ["tokens"] = tokens, ["inner"] = inner, ["outer"] = outer }).GetValue<double>();
        Console.WriteLine($"{name}: {ours:0} GFLOP/s" + (theirs is { } t ? $", peer {t:0}" : ""));
        lines.Add(Line(name, "GFLOP/s", 10, new JsonObject { ["max"] = Round(ours) }, theirs is { } p ? new JsonObject { ["max"] = Round(p) } : null, ours / theirs));
    }

    private static double FastestLinear(int tokens, int inner, int outer)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Tensor x = randn(tokens, inner), w = randn(outer, inner), b = randn(outer);
        var best = double.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            var clock = Stopwatch.StartNew();
            using var y = nn.functional.linear(x, w, b);
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        return best;
    }

    public void Add(string family, string name, Outcome outcome)
    {
        if (!headed)
        {
            Console.WriteLine();
            Console.WriteLine($"tokens/s, median of {options.Rounds} alternating rounds (smallest – largest), {options.Threads} threads");
            Console.WriteLine($"{"",-28}{"ours",30}{(peer is null ? "" : "transformers"),30}{(peer is null ? "" : "ratio"),8}");
            headed = true;
        }

        var ratio = Median(outcome.Ours) / Median(outcome.Peer);
        Console.WriteLine($"{family + " " + name,-28}{Spread(outcome.Ours),30}" + (peer is null ? "" : $"{Spread(outcome.Peer),30}{ratio,7:0.00}×"));
        lines.Add(Line($"{family} {name}", "tokens/s", options.Rounds, Summary(outcome.Ours), peer is null ? null : Summary(outcome.Peer), ratio));
    }

    /// <summary>Appends what was measured.</summary>
    public void Save()
    {
        if (options.Out is null)
        {
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(options.Out))!);
        File.AppendAllLines(options.Out, lines.Select(l => l.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping })));
    }

    private JsonObject Line(string name, string unit, int rounds, JsonObject ours, JsonObject? theirs, double? ratio) => new()
    {
        ["case"] = name,
        ["unit"] = unit,
        ["rounds"] = rounds,
        ["ours"] = ours,
        ["peer"] = theirs,
        ["ratio"] = theirs is null || ratio is null ? null : Math.Round(ratio.Value, 3),
        ["threads"] = options.Threads,
        ["cpu"] = Cpu,
        ["cores"] = Environment.ProcessorCount,
        ["load"] = Load(),
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd'T'HH:mm'Z'", CultureInfo.InvariantCulture),
        ["commit"] = Commit,
        ["versions"] = JsonSerializer.SerializeToNode(new Dictionary<string, string>(peer?.Versions ?? new Dictionary<string, string>())
        {
            ["TorchSharp"] = typeof(TorchSharp.torch).Assembly.GetName().Version!.ToString(3),
            ["libtorch"] = __version__,
            [".NET"] = Environment.Version.ToString(),
        }),
    };

    private static JsonObject Summary(List<double> rates) => new() { ["median"] = Round(Median(rates)), ["min"] = Round(rates.Min()), ["max"] = Round(rates.Max()) };

    private static string Spread(List<double> rates) => $"{Median(rates):0} ({rates.Min():0} – {rates.Max():0})";

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static double Round(double value) => Math.Round(value, 1);

    internal static string Cpu { get; } = File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown"
        : System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString();

    /// <summary>Running processes, averaged over the last minute (this benchmark's own included).</summary>
    private static double? Load() => File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : null;

    internal static string Commit { get; } = Git("rev-parse --short HEAD") + (Git("status --porcelain --untracked-files=no src tests/Benchmarks").Length > 0 ? "+" : "");

    private static string Git(string arguments)
    {
        using var git = Process.Start(new ProcessStartInfo("git", arguments) { RedirectStandardOutput = true })!;
        return git.StandardOutput.ReadToEnd().Trim();
    }
}
