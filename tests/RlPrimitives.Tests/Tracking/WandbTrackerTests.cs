using System.Security.Cryptography;
using System.Text.Json;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class WandbTrackerTests
{
    [Fact]
    public async Task The_folder_is_where_the_uploader_looks()
    {
        using var folder = new TemporaryFolder();
        var tracker = new WandbTracker(folder.Path);
        await Sample.PlayAsync(tracker);
        var name = Path.GetFileName(tracker.RunFolder!);
        Assert.Matches("^offline-run-20260304_[0-9]{6}-abc12345$", name);
        Assert.Equal(["files", "logs", "run-abc12345.wandb"], Directory.EnumerateFileSystemEntries(folder.In($"wandb/{name}")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Records_come_in_the_order_run_history_summary_exit_final_with_ascending_numbers()
    {
        using var folder = new TemporaryFolder();
        var records = await RecordsAsync(folder);
        Assert.Equal(Enumerable.Range(1, records.Count).Select(i => (long)i), records.Select(r => r.Integer(1)));
        Assert.Equal([17, 6, 2, 6, 2, 6, 2, 3, 18, 20], records.Select(r => new[] { 2, 3, 6, 17, 18, 20 }.Single(r.Has)));
    }

    [Fact]
    public async Task The_run_carries_names_start_commit_and_configuration()
    {
        using var folder = new TemporaryFolder();
        var run = (await RecordsAsync(folder))[0].Message(17);
        Assert.Equal(("abc12345", "team", "papers", "GRPO on sums"), (run.Text(1), run.Text(2), run.Text(3), run.Text(8)));
        Assert.Equal((Sample.Time.ToUnixTimeSeconds(), new string('a', 40)), (run.Message(17).Integer(1), run.Message(21).Text(2)));
        var config = run.Message(4).Items(1);
        Assert.Equal(("\"GRPO\"", """{"GroupSize":8,"Deterministic":true}""", "[1,2.5,null]", "18446744073709551615"), (config["algorithm"], config["rollouts"], config["stops"], config["seed"]));
    }

    [Fact]
    public async Task A_step_is_one_line_of_history_with_its_time_and_its_table()
    {
        using var folder = new TemporaryFolder();
        var history = (await RecordsAsync(folder)).Where(r => r.Has(2)).Select(r => r.Message(2)).ToArray();
        Assert.Equal([1L, 2, 3], history.Select(h => h.Message(2).Integer(1)));
        var items = history[1].Items(1);
        Assert.Equal(("2", "2", "0.5", "-2"), (items["_step"], items["_runtime"], items["reward/mean"], items["update/loss"]));
        Assert.Equal(Sample.Time.AddSeconds(2).ToUnixTimeSeconds(), double.Parse(items["_timestamp"]));
        Assert.Contains("no signal", items["alarms"], StringComparison.Ordinal);
        Assert.Contains("\"_type\":\"table-file\"", items["completions"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_batch_has_a_table_whose_file_is_announced_and_has_the_size_and_hash_that_are_said()
    {
        using var folder = new TemporaryFolder();
        var tracker = new WandbTracker(folder.Path);
        await Sample.PlayAsync(tracker);
        var records = Records(tracker);
        var announced = records.Where(r => r.Has(6)).Select(r => r.Message(6).Message(1).Text(1)).ToArray();
        Assert.Equal(3, announced.Distinct().Count());
        foreach (var (item, path) in records.Where(r => r.Has(2)).Select(r => r.Message(2).Items(1)["completions"]).Zip(announced))
        {
            var value = JsonDocument.Parse(item).RootElement;
            Assert.Equal(path, value.GetProperty("path").GetString());
            var bytes = await File.ReadAllBytesAsync(Path.Combine(tracker.RunFolder!, "files", path));
            Assert.Equal(bytes.Length, value.GetProperty("size").GetInt32());
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(bytes)), value.GetProperty("sha256").GetString());
            var table = JsonDocument.Parse(bytes).RootElement;
            var columns = table.GetProperty("columns").EnumerateArray().Select(c => c.GetString()).ToArray();
            Assert.Equal((columns.Length, 3), (value.GetProperty("ncols").GetInt32(), value.GetProperty("nrows").GetInt32()));
            var row = table.GetProperty("data")[1];
            Assert.Equal(("1+1=", 0.5, -0.5), (row[Array.IndexOf(columns, "prompt")].GetString(), row[Array.IndexOf(columns, "reward/short")].GetDouble(), row[Array.IndexOf(columns, "advantage")].GetDouble()));
            Assert.All(table.GetProperty("data").EnumerateArray(), r => Assert.Equal(columns.Length, r.GetArrayLength()));
        }
    }

    [Theory]
    [InlineData(RunStatus.Completed, 0)]
    [InlineData(RunStatus.Failed, 1)]
    [InlineData(RunStatus.Cancelled, 255)]
    public async Task The_end_is_an_exit_code(RunStatus status, int code)
    {
        using var folder = new TemporaryFolder();
        var tracker = new WandbTracker(folder.Path);
        await Sample.PlayAsync(tracker, outcome: Sample.Outcome with { Status = status });
        var exit = Records(tracker).Single(r => r.Has(18)).Message(18);
        Assert.Equal((code, 60L), (exit.Integer(1), exit.Integer(2)));
    }

    [Fact]
    public async Task The_summary_is_the_last_of_everything()
    {
        using var folder = new TemporaryFolder();
        var summary = (await RecordsAsync(folder)).Single(r => r.Has(3)).Message(3).Items(1);
        Assert.Equal(("0.75", "3"), (summary["reward/mean"], summary["_step"]));
    }

    [Fact]
    public async Task A_run_that_is_killed_is_readable_up_to_its_last_record()
    {
        using var folder = new TemporaryFolder();
        await using var tracker = new WandbTracker(folder.Path);
        await tracker.BeginAsync(Sample.Run, default);
        await tracker.LogStepAsync(Sample.Step(1), default);
        Assert.Equal(2, Records(tracker).Count);
    }

    [Fact]
    public void Records_of_every_length_around_the_blocks_are_framed()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(3);
        // Such that every number of bytes from 0 to 20 is left in a block at some time; and records of several blocks.
        int[] lengths = [0, 1, .. Enumerable.Range(0, 40).SelectMany(i => new[] { 32768 - 7 - 7 - i, i }), 32761, 32768, 70_000, 200_000, 5];
        var records = lengths.Select(l => { var b = new byte[l]; random.NextBytes(b); return b; }).ToArray();
        using (var log = new TransactionLog(folder.In("x.wandb")))
        {
            foreach (var record in records)
            {
                log.Append(record);
            }
        }

        Assert.Equal(records, RecordReaders.TransactionLog(File.ReadAllBytes(folder.In("x.wandb"))));
    }

    private static async Task<List<ProtoFields>> RecordsAsync(TemporaryFolder folder)
    {
        var tracker = new WandbTracker(folder.Path, "papers", "team");
        await Sample.PlayAsync(tracker);
        return Records(tracker);
    }

    private static List<ProtoFields> Records(WandbTracker tracker)
    {
        using var file = new FileStream(Directory.GetFiles(tracker.RunFolder!, "*.wandb").Single(), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return [.. RecordReaders.TransactionLog(bytes).Select(r => new ProtoFields(r))];
    }
}
