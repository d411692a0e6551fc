using System.Text;
using RlPrimitives.Models;

namespace RlPrimitives.Rollouts;

/// <summary>Trajectories in files of JSON lines, without loss: ids, the bits of log-probs, tool calls, problems with all their fields, how each ended.</summary>
/// <remarks>One line is one trajectory, with the version of the format in it; README.md of this folder lists the members.</remarks>
public static class Trajectories
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Writes a file; it appears complete or not at all.</summary>
    /// <param name="path">The file, replaced if it exists; its folder is made if absent.</param>
    /// <param name="trajectories">Any number.</param>
    public static void Save(string path, IEnumerable<Trajectory> trajectories)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        MakeFolder(path);
        AtomicFile.Write(path, stream =>
        {
            foreach (var trajectory in trajectories)
            {
                stream.Write(TrajectoryJson.Line(trajectory));
            }
        });
    }

    /// <summary>Adds lines to a file, made if absent. A last line that was cut off (by a crash, a full disk) is left to itself and spoils nothing after it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="trajectories">Any number.</param>
    public static void Append(string path, IEnumerable<Trajectory> trajectories)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        using var lines = new MemoryStream();
        foreach (var trajectory in trajectories)
        {
            lines.Write(TrajectoryJson.Line(trajectory)); // all before the file is touched: what cannot be written leaves it as it was
        }

        MakeFolder(path);
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
            }
        }

        lines.WriteTo(file);
        file.Flush(flushToDisk: true);
    }

    private static void MakeFolder(string path) => Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

    /// <summary>Reads a file that <see cref="Save"/> or <see cref="Append"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="damaged">Told of each line that cannot be read, which is then left out; null: the first such line ends the reading.</param>
    /// <exception cref="FileNotFoundException">There is no such file; the message gives the full path looked at.</exception>
    /// <exception cref="InvalidDataException">A line is damaged or of a newer version; the message gives file, line and what is wrong.</exception>
    public static IReadOnlyList<Trajectory> Load(string path, Action<InvalidDataException>? damaged = null) => [.. Read(path, damaged)];

    /// <summary>As <see cref="Load"/>, one at a time: for files larger than memory.</summary>
    /// <param name="path">The file.</param>
    /// <param name="damaged">Told of each line that cannot be read, which is then left out; null: the first such line ends the reading.</param>
    public static IEnumerable<Trajectory> Read(string path, Action<InvalidDataException>? damaged = null)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no trajectory file '{path}' (looked at {Path.GetFullPath(path)}).", path);
        }

        return Lines();

        IEnumerable<Trajectory> Lines()
        {
            // Latin-1 keeps every byte apart, so that a line that is not UTF-8 is that line's trouble only.
            using var reader = new StreamReader(path, Encoding.Latin1, detectEncodingFromByteOrderMarks: false);
            for (var number = 1; reader.ReadLine() is { } line; number++)
            {
                if (line.Length > 0 && Parse(line, number) is { } trajectory)
                {
                    yield return trajectory;
                }
            }
        }

        Trajectory? Parse(string line, int number)
        {
            try
            {
                return TrajectoryJson.Parse(Strict.GetString(Encoding.Latin1.GetBytes(line)).TrimStart('\ufeff')); // editors like to add a byte order mark
            }
            catch (Exception e) when (e is InvalidDataException or System.Text.Json.JsonException or ArgumentException or InvalidOperationException)
            {
                var error = new InvalidDataException($"{path}, line {number}: {(e is InvalidDataException ? e.Message : $"not a trajectory ({e.Message})")}", e);
                (damaged ?? throw error).Invoke(error);
                return null;
            }
        }
    }
}
