using System.Globalization;
using System.Text.RegularExpressions;

namespace RlPrimitives.Algorithms;

/// <summary>A folder of checkpoints, <c>step-000040</c> and so on. A checkpoint appears whole or not at all.</summary>
/// <param name="directory">The folder.</param>
internal sealed partial class CheckpointStore(string directory)
{
    private const string Temporary = ".writing-", Old = ".old";

    /// <summary>Writes a checkpoint: into a temporary folder, sealed by checksums, then renamed.</summary>
    /// <param name="iteration">Iterations done.</param>
    /// <param name="write">Fills a folder.</param>
    /// <returns>The checkpoint's full path.</returns>
    public async Task<string> WriteAsync(int iteration, Func<string, Task> write)
    {
        Directory.CreateDirectory(directory);
        DeleteHalfWritten();
        var temporary = Path.Combine(directory, $"{Temporary}{iteration}-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(temporary);
            await write(temporary).ConfigureAwait(false);
            CheckpointFiles.Seal(temporary);
            var final = PathOf(iteration);
            if (Directory.Exists(final))
            {
                // Another run's, or the same one saved again. At every moment there is a whole one, under its name or as .old.
                TryDelete(final + Old);
                Directory.Move(final, final + Old);
                Directory.Move(temporary, final);
                TryDelete(final + Old);
            }
            else
            {
                Directory.Move(temporary, final);
            }

            return Path.GetFullPath(final);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>The newest checkpoint whose files are as they were written; damaged ones are told of.</summary>
    /// <param name="damaged">Told of each checkpoint passed over: its path and what is wrong.</param>
    public string? Newest(Action<string, string> damaged)
    {
        foreach (var (_, path) in All())
        {
            if (CheckpointFiles.Damage(path) is not { } reason)
            {
                return path;
            }

            damaged(path, reason);
        }

        return null;
    }

    /// <summary>Deletes all but the newest <paramref name="keep"/> and those of <paramref name="spare"/>.</summary>
    public void Prune(int keep, params int[] spare)
    {
        foreach (var (iteration, path) in All().Skip(keep))
        {
            if (!spare.Contains(iteration))
            {
                // Renamed first, so that what is left after an interruption is no damaged checkpoint.
                var doomed = Path.Combine(directory, $"{Temporary}old-{Guid.NewGuid():N}");
                try
                {
                    Directory.Move(path, doomed);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    continue; // one checkpoint too many: it is tried again at the next save
                }

                TryDelete(doomed);
            }
        }
    }

    private string PathOf(int iteration) => Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"step-{iteration:D6}"));

    // Newest first.
    private (int Iteration, string Path)[] All() => !Directory.Exists(directory) ? []
        : Directory.EnumerateDirectories(directory).Select(path => (Match: Name().Match(Path.GetFileName(path)), path)).Where(c => c.Match.Success)
            .Select(c => (int.Parse(c.Match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), c.path)).OrderByDescending(c => c.Item1).ThenBy(c => c.path, StringComparer.Ordinal).ToArray();

    // What a killed process left; another living process's is left alone for a day.
    private void DeleteHalfWritten()
    {
        foreach (var path in Directory.EnumerateDirectories(directory, Temporary + "*"))
        {
            var parts = Path.GetFileName(path)[Temporary.Length..].Split('-');
            var alive = parts.Length == 3 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id != Environment.ProcessId && IsAlive(id);
            if (!alive || Directory.GetLastWriteTimeUtc(path) < DateTime.UtcNow.AddDays(-1))
            {
                TryDelete(path);
            }
        }

        // A killed process had replaced this one; what it left would count as one of those to keep.
        foreach (var path in Directory.EnumerateDirectories(directory, "step-*" + Old))
        {
            if (File.Exists(Path.Combine(path[..^Old.Length], CheckpointFiles.Manifest)))
            {
                TryDelete(path);
            }
        }
    }

    private static bool IsAlive(int id)
    {
        try
        {
            using var process = System.Diagnostics.Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Litter, not damage: it is tried again at the next save.
        }
    }

    [GeneratedRegex(@"^step-([0-9]{1,9})(?:\.old)?$")]
    private static partial Regex Name();
}
