using System.Diagnostics;
using System.Globalization;
using RlNotebooks.Engine.Packages;
using RlNotebooks.Running;

namespace RlNotebooks.Commands;

/// <summary>Several notebooks at a time, each in a process of its own: a process has one console, one current folder and one set of computing threads.</summary>
internal static class ParallelRuns
{
    /// <summary>Runs them; the worst exit code is the result.</summary>
    public static async Task<int> RunAsync(string[] paths, int parallel, RunOptions options, CancellationToken cancellation)
    {
        var (terminal, errors) = (TextWriter.Synchronized(Console.Out), TextWriter.Synchronized(Console.Error));
        var width = paths.Max(p => Path.GetFileNameWithoutExtension(p).Length);
        var worst = 0;
        var gate = new Lock();
        using var places = new SemaphoreSlim(parallel);
        await Task.WhenAll(paths.Select(async path =>
        {
            await places.WaitAsync(CancellationToken.None);
            try
            {
                var code = cancellation.IsCancellationRequested ? RunCommand.Cancelled : await OneAsync(path, Path.GetFileNameWithoutExtension(path).PadRight(width));
                lock (gate)
                {
                    worst = Math.Max(worst, code);
                }
            }
            finally
            {
                places.Release();
            }
        }));
        return worst;

        async Task<int> OneAsync(string path, string name)
        {
            using var process = Process.Start(Start(path, parallel, options))!;
            process.OutputDataReceived += (_, line) => Pass(terminal, name, line.Data);
            process.ErrorDataReceived += (_, line) => Pass(errors, name, line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            await using var stopping = cancellation.Register(() => process.Kill(entireProcessTree: true));
            await process.WaitForExitAsync(CancellationToken.None);
            return cancellation.IsCancellationRequested ? RunCommand.Cancelled : process.ExitCode;
        }
    }

    private static ProcessStartInfo Start(string path, int parallel, RunOptions options)
    {
        string Seconds(TimeSpan limit) => limit.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        string[] arguments =
        [
            typeof(ParallelRuns).Assembly.Location, "run", path, "--output", options.OutputFolder, "--html", options.WritesPage ? "true" : "false",
            .. options.InPlace ? ["--inplace"] : Array.Empty<string>(),
            .. options.Check ? ["--check", "--tolerance", options.Tolerance.ToString(CultureInfo.InvariantCulture)] : Array.Empty<string>(),
            .. options.CellTimeout is { } c ? ["--cell-timeout", Seconds(c)] : Array.Empty<string>(),
            .. options.Timeout is { } t ? ["--timeout", Seconds(t)] : Array.Empty<string>(),
            .. options.Parameters.SelectMany(p => new[] { "-p", $"{p.Key}={p.Value}" }),
        ];
        var start = new ProcessStartInfo(PackageRestore.DotNet, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };

        // Together they have as many computing threads as the machine has cores, unless somebody said otherwise.
        start.Environment.TryAdd("OMP_NUM_THREADS", Math.Max(1, Environment.ProcessorCount / parallel).ToString(CultureInfo.InvariantCulture));
        return start;
    }

    private static void Pass(TextWriter writer, string name, string? line)
    {
        if (line is not null)
        {
            writer.WriteLine($"{name}  {line}");
        }
    }
}
