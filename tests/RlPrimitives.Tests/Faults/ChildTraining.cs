using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RlPrimitives.Algorithms;
using RlPrimitives.Tests.Algorithms;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Faults;

/// <summary>
/// A training in a process of its own, so that it can be killed or run where nothing can be written: this assembly's entry point.
/// <c>KIND FOLDER LAST SAVE_EVERY [RECORDS] [ITERATION=COMMAND …]</c>: resumes from FOLDER, trains up to iteration LAST and says what it does, a line each.
/// A command is run by the shell after its iteration.
/// </summary>
internal static class ChildTraining
{
    private static async Task<int> Main(string[] args)
    {
        var (kind, folder, last, every) = (args[0], args[1], int.Parse(args[2], CultureInfo.InvariantCulture), int.Parse(args[3], CultureInfo.InvariantCulture));
        var records = args.Skip(4).FirstOrDefault(a => !a.Contains('=', StringComparison.Ordinal));
        var commands = args.Skip(4).Where(a => a.Contains('=', StringComparison.Ordinal)).Select(a => a.Split('=', 2)).ToDictionary(a => int.Parse(a[0], CultureInfo.InvariantCulture), a => a[1]);
        await TrainAsync(kind, folder, last, every, records, line =>
        {
            Console.Out.WriteLine(line);
            Console.Out.Flush();
        }, iteration =>
        {
            if (commands.TryGetValue(iteration, out var command))
            {
                using var shell = Process.Start("/bin/sh", ["-c", command]);
                shell.WaitForExit();
            }
        });
        return 0;
    }

    /// <summary>The same in this process.</summary>
    public static async Task TrainAsync(string kind, string? folder, int last, int every, string? records, Action<string> say, Action<int>? after = null)
    {
        var trajectories = new List<string>();
        using var run = new CheckpointTests.Run(kind, folder, trajectories, config => config with
        {
            SaveEvery = every, Tracking = records is null ? null : new TrackingConfig { Folder = records, RunName = "child" },
        });
        if (folder is not null)
        {
            var resumed = await run.Algorithm.ResumeAsync();
            say(string.Create(CultureInfo.InvariantCulture, $"resumed {resumed.Iteration}"));
            foreach (var damaged in resumed.Damaged)
            {
                say($"damaged {damaged}");
            }
        }

        if (run.Algorithm.IterationsDone < last)
        {
            await foreach (var step in run.Algorithm.StepsAsync(last - run.Algorithm.IterationsDone))
            {
                // What was sampled, what it came to, and every weight, to the bit.
                var text = string.Join('\n', [.. trajectories, .. step.Rewards.Concat(step.Advantages).Select(f => $"{BitConverter.SingleToInt32Bits(f)}"),
                    $"{BitConverter.DoubleToInt64Bits(step.Update.Loss)} {BitConverter.DoubleToInt64Bits(step.Update.GradientNorm)}", run.Weights()]);
                trajectories.Clear();
                say(string.Create(CultureInfo.InvariantCulture, $"iteration {step.Iteration} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}"));
                foreach (var alarm in step.Alarms.Where(a => a.Name == "checkpoint not saved"))
                {
                    say(string.Create(CultureInfo.InvariantCulture, $"not saved {step.Iteration}: {alarm.Message}; {alarm.Remedy}"));
                }

                after?.Invoke(step.Iteration);
            }
        }

        foreach (var report in run.Algorithm.Trackers)
        {
            say($"tracker {report}");
        }

        say("end");
    }
}
