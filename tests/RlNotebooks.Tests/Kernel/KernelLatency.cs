using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace RlNotebooks.Tests.Kernel;

/// <summary>How long a person waits, measured beside each other in one run. Not a test of every build: it says something only on a quiet machine.</summary>
public sealed class KernelLatency(ITestOutputHelper output)
{
    private const int Cells = 300;

    [SkippableFact]
    public void Latencies_are_those_that_were_promised()
    {
        Skip.If(Environment.GetEnvironmentVariable("RLNOTEBOOKS_LATENCY") is null, "A measurement for a quiet machine: set RLNOTEBOOKS_LATENCY=1.");
        var clock = Stopwatch.StartNew();
        using var process = KernelProcess.Start();
        using var client = new KernelClient(process.Connection);
        client.Execute("1 + 1");
        var start = clock.Elapsed.TotalSeconds;
        var cells = Enumerable.Range(0, Cells).Select(i => Milliseconds(() => client.Execute($"var v{i} = {i};\nint f{i}(int a) => a + v{i};\nf{i}(2)"))).ToArray();
        Thread.Sleep(6_000); // A person reads before going on.
        var completions = new[] { "v3.", "f2", "Console.Wr", "v7.To", "Enumerable.Range(0, 3).Sel" }
            .Select(code => Milliseconds(() => client.Ask("complete_request", new JsonObject { ["code"] = code, ["cursor_pos"] = code.Length }))).ToArray();
        double early = Median(cells[10..40]), late = Median(cells[^30..]);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"start to first result {start:F2} s; warm cell {early:F0} ms, after {Cells} cells {late:F0} ms; completion median {Median(completions):F0} ms, worst {completions.Max():F0} ms"));
        Assert.True(start <= 2 && early <= 30 && Median(completions) <= 250 && late <= 2 * early + 10, "Slower than promised; the line above says where.");
    }

    private static double Milliseconds(Action action)
    {
        var clock = Stopwatch.StartNew();
        action();
        return clock.Elapsed.TotalMilliseconds;
    }

    private static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
