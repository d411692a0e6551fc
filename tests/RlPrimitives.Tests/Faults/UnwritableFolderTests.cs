using System.Diagnostics;
using RlPrimitives.Tests.Models;

namespace RlPrimitives.Tests.Faults;

/// <summary>Saves that the operating system refuses. Each training is a child process with a file system, or without a privilege, of its own.</summary>
public class UnwritableFolderTests
{
    private const string Kind = "GRPO";

    [SkippableFact]
    public async Task A_full_disk_costs_checkpoints_and_records_and_not_the_run()
    {
        using var folder = new TemporaryFolder();
        var disk = SmallDisk(folder, "6m");
        // Full from iteration 2 on, room again after 5.
        var ballast = Path.Combine(folder.Path, "ballast");
        var lines = Lines(disk, Path.Combine(folder.Path, "checkpoints"), Path.Combine(folder.Path, "records"), $"2=head -c 100M /dev/zero > {ballast} 2>/dev/null", $"5=rm {ballast}");
        await AssertWentOnAsync(lines, "space", 4, 5);
        Assert.Contains(lines, l => l.StartsWith("tracker JSON lines", StringComparison.Ordinal) && !l.Contains("0 and 0 missed", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task A_file_system_that_became_read_only_costs_checkpoints_and_not_the_run()
    {
        using var folder = new TemporaryFolder();
        var disk = SmallDisk(folder, "20m");
        var lines = Lines(disk, Path.Combine(folder.Path, "checkpoints"), null, $"2=mount -o remount,ro {folder.Path}", $"5=mount -o remount,rw {folder.Path}");
        await AssertWentOnAsync(lines, "Read-only file system", 4, 5);
    }

    [SkippableFact]
    public async Task A_folder_without_permission_costs_checkpoints_and_not_the_run()
    {
        Skip.If(OperatingSystem.IsWindows(), "Windows has other permissions.");
        using var folder = new TemporaryFolder();
        var checkpoints = Path.Combine(folder.Path, "checkpoints");
        // The superuser may write anywhere unless that privilege is taken away.
        var unprivileged = Environment.UserName == "root" ? new[] { "setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override" } : [];
        Skip.If(unprivileged.Length > 0 && !Works([.. unprivileged, "true"]), "This is the superuser, and setpriv cannot take a privilege from it.");
        var lines = Lines(unprivileged, checkpoints, null, $"2=chmod 555 {checkpoints}", $"5=chmod 755 {checkpoints}");
        await AssertWentOnAsync(lines, "denied", 4, 5);
    }

    /// <summary>Commands that run another with a small disk of its own mounted at the folder.</summary>
    private static string[] SmallDisk(TemporaryFolder folder, string size)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "Only Linux mounts a disk of one's own in a process.");
        string[] mounting = ["unshare", "--map-root-user", "--mount", "sh", "-c", $"mount -t tmpfs -o size={size} tmpfs {folder.Path} && exec \"$@\"", "sh"];
        Skip.IfNot(Works([.. mounting, "true"]), "This system lets no process mount a disk of its own (unshare).");
        return mounting;
    }

    private static bool Works(string[] command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    // Due at 2, 4, 6 and 8.
    private static string[] Lines(string[] before, string checkpoints, string? records, params string[] commands)
    {
        using var child = new ChildProcess(before, [Kind, checkpoints, "8", "2", .. records is null ? Array.Empty<string>() : [records], .. commands]);
        Assert.True(child.WaitForEnd() == 0, string.Join('\n', child.Lines));
        return child.Lines;
    }

    private static async Task AssertWentOnAsync(string[] lines, string reason, params int[] notSaved)
    {
        Assert.Contains("end", lines);
        var alarms = lines.Where(l => l.StartsWith("not saved", StringComparison.Ordinal)).ToArray();
        Assert.Equal([.. notSaved.Select(n => $"not saved {n}:")], alarms.Select(a => a[..(a.IndexOf(':', StringComparison.Ordinal) + 1)]));
        Assert.All(alarms, a => Assert.Contains(reason, a, StringComparison.OrdinalIgnoreCase));
        Assert.All(alarms, a => Assert.Contains("tried again", a, StringComparison.Ordinal));
        var whole = new List<string>();
        await ChildTraining.TrainAsync(Kind, null, 8, 2, null, whole.Add);
        Assert.Equal(whole.Where(l => l.StartsWith("iteration", StringComparison.Ordinal)), lines.Where(l => l.StartsWith("iteration", StringComparison.Ordinal)));
    }
}
