using System.Globalization;
using RlPrimitives.Tests.Models;
using Xunit.Abstractions;

namespace RlPrimitives.Tests.Faults;

/// <summary>A training killed without warning goes on from its newest checkpoint as if nothing had happened.</summary>
public class KilledTrainingTests(ITestOutputHelper output)
{
    private const int SaveEvery = 2;

    /// <summary>Times it is killed; set RLNOTEBOOKS_KILLS for more.</summary>
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("RLNOTEBOOKS_KILLS") ?? "6", CultureInfo.InvariantCulture);

    [Theory]
    [InlineData("GRPO, several turns", 1)]
    [InlineData("PPO, separate trunk", 2)]
    [InlineData("REINFORCE, several turns", 3)]
    public async Task Killed_at_random_moments_and_in_the_middle_of_saves_a_run_loses_at_most_what_was_not_saved(string kind, int seed)
    {
        using var folder = new TemporaryFolder();
        var checkpoints = Path.Combine(folder.Path, "checkpoints");
        var random = new Random(seed);
        var said = new Dictionary<int, string>();
        int saved = 0, done = 0, inSave = 0, repeated = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            using (var child = new ChildProcess([], kind, checkpoints, "1000000", $"{SaveEvery}"))
            {
                // After some iterations: every second time as soon as a checkpoint is being written, or a little later; else at any moment.
                var (begun, lived) = (done, random.Next(1, 5));
                Wait(child, () => child.Lines.Count(l => l.StartsWith("iteration", StringComparison.Ordinal)) >= lived);
                if (kill % 2 == 0)
                {
                    Wait(child, () => Writing(checkpoints));
                    Thread.Sleep(random.Next(2) * random.Next(12));
                }
                else
                {
                    Thread.Sleep(random.Next(250));
                }

                child.Kill();
                inSave += Writing(checkpoints) ? 1 : 0;
                var lines = child.Lines;
                Assert.DoesNotContain(lines, l => l.StartsWith("damaged", StringComparison.Ordinal));
                var resumed = int.Parse(lines.First(l => l.StartsWith("resumed", StringComparison.Ordinal)).Split(' ')[1], CultureInfo.InvariantCulture);
                Assert.True(resumed >= saved, $"Life {kill} began at {resumed}, but {saved} had been saved.");
                Assert.True(begun - resumed <= SaveEvery, $"Life {kill} began at {resumed}, after {begun} iterations: more than {SaveEvery} were lost.");
                foreach (var line in lines.Where(l => l.StartsWith("iteration", StringComparison.Ordinal)).Select(l => l.Split(' ')).Where(l => l.Length == 3 && l[2].Length == 64))
                {
                    done = int.Parse(line[1], CultureInfo.InvariantCulture);
                    saved = done / SaveEvery * SaveEvery; // it says an iteration after having saved it
                    repeated += said.TryGetValue(done, out var before) ? 1 : 0;
                    Assert.Equal(before ?? line[2], line[2]); // done again, the same
                    said[done] = line[2];
                }
            }
        }

        // The whole run without interruption, in another process than any of them: this one.
        var whole = new List<string>();
        await ChildTraining.TrainAsync(kind, null, said.Keys.Max(), SaveEvery, null, whole.Add);
        foreach (var (iteration, hash) in said)
        {
            Assert.Equal(whole[iteration - 1], string.Create(CultureInfo.InvariantCulture, $"iteration {iteration} {hash}"));
        }

        Assert.True(inSave > 0, "It was never killed in the middle of a save.");
        output.WriteLine($"{kind}: killed {Kills} times, {inSave} of them in the middle of a save; {said.Count} iterations, {repeated} of them done twice, all equal to the run without interruption.");
    }

    // Whether a checkpoint is half written; not one that is being deleted.
    private static bool Writing(string checkpoints) => Directory.Exists(checkpoints) &&
        Directory.EnumerateDirectories(checkpoints, ".writing-*").Any(d => !Path.GetFileName(d).StartsWith(".writing-old", StringComparison.Ordinal));

    private static void Wait(ChildProcess child, Func<bool> until)
    {
        var end = DateTime.UtcNow.AddMinutes(2);
        while (!until())
        {
            Assert.False(child.HasExited, $"The child ended: {string.Join('\n', child.Lines)}");
            Assert.True(DateTime.UtcNow < end, $"The child is stuck: {string.Join('\n', child.Lines)}");
            Thread.Yield();
        }
    }
}
