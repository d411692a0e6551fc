using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class TrackingConfigTests
{
    [Fact]
    public async Task A_run_that_is_continued_by_its_id_finds_its_folder_again()
    {
        using var folder = new TemporaryFolder();
        var first = new TrackingConfig { Folder = folder.Path };
        var info = first.NewRun("GRPO");
        await using (var run = first.Begin(info))
        {
            run.LogStep(Sample.Step(1));
        }

        var again = new TrackingConfig { Folder = folder.Path, RunId = info.RunId };
        await using (var run = again.Begin(again.NewRun("GRPO")))
        {
            run.LogStep(Sample.Step(2));
        }

        var recorded = RecordedRun.Load(Assert.Single(Directory.GetDirectories(folder.Path)));
        Assert.Equal((2, 2), (recorded.Runs.Count, recorded.Steps.Count));
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("")]
    [InlineData("A")]
    [InlineData("a b")]
    public void A_run_id_that_could_leave_the_folder_is_refused(string id)
    {
        Assert.Contains("RunInfo.NewId()", Assert.Throws<ArgumentException>(() => new TrackingConfig { RunId = id }).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Sample.Run with { RunId = id });
    }

    [Fact]
    public async Task A_name_cannot_leave_the_folder()
    {
        using var folder = new TemporaryFolder();
        var config = new TrackingConfig { Folder = folder.In("runs"), RunName = "../../etc/x" };
        await config.Begin(config.NewRun("")).DisposeAsync();
        Assert.Equal([folder.In("runs")], Directory.GetFileSystemEntries(folder.Path));
        Assert.Matches("[0-9]{8}-[0-9]{6}-------etc-x-[a-z0-9]{8}$", Directory.GetDirectories(folder.In("runs")).Single());
    }

    [Fact]
    public void Options_become_plain_values()
    {
        var rollouts = ConfigSnapshot.Of(new RolloutConfig { GroupSize = 8, Seed = ulong.MaxValue });
        Assert.Equal(("RolloutConfig", 8L, ulong.MaxValue, true, "00:10:00"), (rollouts["type"], rollouts["GroupSize"], rollouts["Seed"], rollouts["Deterministic"], rollouts["StepTimeout"]));
        var update = ConfigSnapshot.Flatten(ConfigSnapshot.Of(UpdateConfig.Grpo));
        Assert.Contains(update, u => u.Key.StartsWith("Kl.", StringComparison.Ordinal) && u.Value is double);
        _ = TrackingJson.Text(ConfigSnapshot.Of(new BackpropConfig())); // every tracker can write it
    }

    [Fact]
    public void Data_among_options_is_named_and_not_copied()
    {
        var snapshot = ConfigSnapshot.Of(new { Many = Enumerable.Range(0, 1000).ToArray(), Few = new[] { 1, 2 }, Endless = Endless(), Self = (object)new object(), Rate = 0.1f });
        Assert.Equal(("(1000 items)", "Object", 0.1), (snapshot["Many"], snapshot["Self"], snapshot["Rate"]));
        Assert.Equal(new object?[] { 1L, 2L }, snapshot["Few"]);
        Assert.IsType<string>(snapshot["Endless"]);

        static IEnumerable<int> Endless()
        {
            while (true)
            {
                yield return 1;
            }
        }
    }

    [Fact]
    public void The_commit_is_read_from_the_repository_without_running_anything()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.In(".git/refs/heads"));
        Directory.CreateDirectory(folder.In("deep/er"));
        var commit = string.Concat(Enumerable.Repeat("0123456789", 4));
        folder.Write(".git/HEAD", "ref: refs/heads/main\n");
        folder.Write(".git/packed-refs", $"# pack-refs\n{commit} refs/heads/main\n");
        Assert.Equal(commit, GitCommit.Of(folder.In("deep/er")));
        folder.Write(".git/refs/heads/main", new string('a', 40) + "\n");
        Assert.Equal(new string('a', 40), GitCommit.Of(folder.Path));
        folder.Write(".git/HEAD", "ref: refs/../../../secret\n");
        Assert.Null(GitCommit.Of(folder.Path));
        folder.Write(".git/HEAD", "not a commit");
        Assert.Null(GitCommit.Of(folder.Path));
    }
}
