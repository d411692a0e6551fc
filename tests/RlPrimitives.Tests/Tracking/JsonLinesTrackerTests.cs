using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class JsonLinesTrackerTests
{
    [Fact]
    public async Task What_is_recorded_is_read_back()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new JsonLinesTracker(folder.Path));
        var run = RecordedRun.Load(folder.Path);
        Assert.Empty(run.Damaged);
        Assert.Equal(Sample.Outcome, run.Outcome);
        var info = Assert.Single(run.Runs);
        Assert.Equal((Sample.Run.RunId, Sample.Run.Name, Sample.Run.Started, Sample.Run.Seed, Sample.Run.GitCommit), (info.RunId, info.Name, info.Started, info.Seed, info.GitCommit));
        Assert.Equivalent(Sample.Run.Config, info.Config, strict: true);
        Assert.Equivalent(Enumerable.Range(1, 3).Select(Sample.Step), run.Steps, strict: true);
        Assert.Equivalent(Enumerable.Range(1, 3).SelectMany(Sample.Rows), run.Completions, strict: true);
    }

    [Fact]
    public async Task Every_line_is_there_while_the_run_is_alive_and_says_its_schema()
    {
        using var folder = new TemporaryFolder();
        await using var tracker = new JsonLinesTracker(folder.Path);
        await tracker.BeginAsync(Sample.Run, default);
        for (var step = 1; step <= 3; step++)
        {
            await tracker.LogCompletionsAsync(Sample.Rows(step), default);
            await tracker.LogStepAsync(Sample.Step(step), default);
            var alive = RecordedRun.Load(folder.Path);
            Assert.Equal((step, 3 * step, null), (alive.Steps.Count, alive.Completions.Count, alive.Outcome));
        }

        using var reader = new StreamReader(new FileStream(folder.In("steps.jsonl"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        Assert.All((await reader.ReadToEndAsync()).TrimEnd().Split('\n'), l => Assert.StartsWith("{\"schema\":1,\"kind\":\"", l, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_line_torn_by_a_crash_is_named_and_costs_nothing_else()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new JsonLinesTracker(folder.Path));
        foreach (var name in new[] { "steps.jsonl", "completions.jsonl" })
        {
            var bytes = await File.ReadAllBytesAsync(folder.In(name));
            await File.WriteAllBytesAsync(folder.In(name), bytes[..^9]);
        }

        var tracker = new JsonLinesTracker(folder.Path);
        await tracker.BeginAsync(Sample.Run, default);
        await tracker.LogCompletionsAsync(Sample.Rows(4), default);
        await tracker.LogStepAsync(Sample.Step(4), default);
        await tracker.DisposeAsync();
        var run = RecordedRun.Load(folder.Path);
        Assert.Equal((2, 4, 11), (run.Runs.Count, run.Steps.Count, run.Completions.Count));
        Assert.Equal(["steps.jsonl, line 5", "completions.jsonl, line 9"], run.Damaged.Select(d => d.Split(':')[0]));
    }

    [Fact]
    public async Task Steps_that_were_done_again_after_a_resume_count_once()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new JsonLinesTracker(folder.Path));
        var tracker = new JsonLinesTracker(folder.Path);
        await tracker.BeginAsync(Sample.Run, default);
        await tracker.LogCompletionsAsync([Sample.Rows(2)[0] with { Response = "again" }], default);
        await tracker.LogStepAsync(Sample.Step(2) with { Values = new Dictionary<string, double> { ["reward/mean"] = 9 } }, default);
        await tracker.DisposeAsync();
        var run = RecordedRun.Load(folder.Path);
        Assert.Equal([1, 2, 3], run.Steps.Select(s => s.Step));
        Assert.Equal(9, run.Steps[1].Values["reward/mean"]);
        Assert.Equal("again", Assert.Single(run.Completions, c => c.Iteration == 2).Response);
        Assert.Null(run.Outcome);
    }

    [Fact]
    public async Task Numbers_that_json_has_no_form_for_survive()
    {
        using var folder = new TemporaryFolder();
        await using var tracker = new JsonLinesTracker(folder.Path);
        await tracker.BeginAsync(Sample.Run, default);
        var odd = new Dictionary<string, double> { ["a"] = double.NaN, ["b"] = double.PositiveInfinity, ["c"] = double.NegativeInfinity, ["d"] = double.Epsilon };
        await tracker.LogStepAsync(new StepMetrics(1, Sample.Time, odd), default);
        Assert.Equal(odd, RecordedRun.Load(folder.Path).Steps[0].Values);
    }

    [Fact]
    public async Task Ten_thousand_damaged_files_neither_crash_nor_hide_which_line_it_is()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new JsonLinesTracker(folder.Path), steps: 2);
        var (steps, completions) = (await File.ReadAllBytesAsync(folder.In("steps.jsonl")), await File.ReadAllBytesAsync(folder.In("completions.jsonl")));
        var random = new Random(1);
        var damagedLines = 0;
        for (var i = 0; i < 10_000; i++)
        {
            var bytes = (byte[])(i % 2 == 0 ? steps : completions).Clone();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            bytes = random.Next(4) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
            var text = System.Text.Encoding.UTF8.GetString(bytes);
            foreach (var (line, number) in text.Split('\n').Select((l, n) => (l, n)))
            {
                try
                {
                    _ = JsonLinesFormat.Parse(line);
                }
                catch (InvalidDataException e)
                {
                    Assert.NotEmpty(e.Message);
                    damagedLines++;
                }
            }
        }

        Assert.True(damagedLines > 2_000, $"{damagedLines}");
    }

    [Theory]
    [InlineData("{\"schema\":2,\"kind\":\"end\"}", "schema is 2")]
    [InlineData("{\"schema\":1,\"kind\":\"System.IO.File\"}", "kind 'System.IO.File'")]
    [InlineData("{\"schema\":1,\"kind\":\"step\"}", "no 'step'")]
    [InlineData("[]", "Array, not an object")]
    [InlineData("{\"schema\":1,\"kind\":\"end\",\"status\":\"well\"}", "none of completed, failed, cancelled")]
    public void A_line_that_cannot_be_read_says_why(string line, string why) =>
        Assert.Contains(why, Assert.Throws<InvalidDataException>(() => JsonLinesFormat.Parse(line)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_folder_without_a_record_is_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("steps.jsonl", Assert.Throws<FileNotFoundException>(() => RecordedRun.Load(folder.Path)).Message, StringComparison.Ordinal);
    }
}
