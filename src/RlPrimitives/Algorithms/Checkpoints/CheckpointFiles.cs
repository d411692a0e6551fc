using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>A checkpoint's own files: its manifest of checksums, its state, its history. JSON into fixed records; a file names no type.</summary>
internal static class CheckpointFiles
{
    public const string Manifest = "manifest.json", State = "state.json", History = "history.jsonl";

    private const long LargestJson = 64 << 20; // state and manifest are kilobytes

    private static readonly JsonSerializerOptions Json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, IgnoreReadOnlyProperties = true, Converters = { new JsonStringEnumConverter(), new ExactDoubles() },
        RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true,
    };

    /// <summary>Writes state and history, without the secrets that options, alarms and errors may quote.</summary>
    public static void Write(string folder, TrainingState state, IReadOnlyList<TrainStep> history)
    {
        var scrubber = Scrubber.FromEnvironment();
        state = state with { Configuration = state.Configuration.ToDictionary(c => c.Key, c => scrubber.Clean(c.Value)) };
        File.WriteAllText(Path.Combine(folder, State), JsonSerializer.Serialize(state, Json));
        using var writer = new StreamWriter(Path.Combine(folder, History)) { NewLine = "\n" };
        foreach (var step in history)
        {
            writer.WriteLine(JsonSerializer.Serialize(Clean(step, scrubber), Json));
        }
    }

    private static TrainStep Clean(TrainStep step, Scrubber scrubber) => step.Alarms.Count == 0 && step.Rollouts.Errors.IsEmpty ? step : step with
    {
        Alarms = [.. step.Alarms.Select(a => a with { Message = scrubber.Clean(a.Message) })],
        Rollouts = step.Rollouts with
        {
            Errors = step.Rollouts.Errors.GroupBy(e => scrubber.Clean(e.Key)).ToImmutableSortedDictionary(e => e.Key, e => e.Sum(count => count.Value)),
        },
    };

    /// <summary>Lists every file with its length and SHA-256. Written last: a folder without it is not a checkpoint.</summary>
    public static void Seal(string folder)
    {
        var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToDictionary(
            file => Path.GetRelativePath(folder, file).Replace(Path.DirectorySeparatorChar, '/'), file => new Entry(new FileInfo(file).Length, Hash(file)));
        using var stream = new FileStream(Path.Combine(folder, Manifest), FileMode.CreateNew);
        JsonSerializer.Serialize(stream, files, Json);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>What is wrong with a checkpoint's files; null where every one is as it was written.</summary>
    public static string? Damage(string folder)
    {
        try
        {
            var listed = Read<Dictionary<string, Entry?>>(folder, Manifest);
            foreach (var (name, entry) in listed)
            {
                if (entry is null)
                {
                    return $"{Manifest} says nothing of '{name}'";
                }

                if (name.Length == 0 || name.Contains('\0', StringComparison.Ordinal))
                {
                    return $"{Manifest} names '{name}', which is no file";
                }

                var path = Path.GetFullPath(Path.Combine(folder, name));
                if (!path.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                {
                    return $"{Manifest} names '{name}', which is outside of the checkpoint";
                }

                if (!File.Exists(path))
                {
                    return $"{name} is missing";
                }

                if (new FileInfo(path).Length != entry.Bytes)
                {
                    return $"{name} has {new FileInfo(path).Length} bytes, written were {entry.Bytes}";
                }

                if (!Hash(path).Equals(entry.Sha256, StringComparison.OrdinalIgnoreCase))
                {
                    return $"the content of {name} is not what was written (SHA-256 differs)";
                }
            }

            return ((string[])[State, History]).FirstOrDefault(name => !listed.ContainsKey(name)) is { } absent ? $"{Manifest} does not list {absent}" : null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    /// <summary>The state of a checkpoint.</summary>
    /// <exception cref="InvalidDataException">It cannot be read, or is of another version.</exception>
    public static TrainingState ReadState(string folder)
    {
        var state = Read<TrainingState>(folder, State);
        return state.Schema == TrainingState.CurrentSchema ? state
            : throw new InvalidDataException($"{Path.Combine(folder, State)} has layout {state.Schema}; this version reads {TrainingState.CurrentSchema}.");
    }

    /// <summary>The steps of a checkpoint.</summary>
    /// <exception cref="InvalidDataException">A line cannot be read.</exception>
    public static IReadOnlyList<TrainStep> ReadHistory(string folder)
    {
        var path = Path.Combine(folder, History);
        return [.. File.ReadLines(path).Select((line, i) => Parse<TrainStep>(line, $"{path}, line {i + 1}"))];
    }

    private static T Read<T>(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            throw new InvalidDataException($"{path} is missing");
        }

        return new FileInfo(path).Length <= LargestJson ? Parse<T>(File.ReadAllText(path), path)
            : throw new InvalidDataException($"{path} has {new FileInfo(path).Length} bytes; expected are a few kilobytes");
    }

    private static T Parse<T>(string text, string place)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Json) ?? throw new InvalidDataException($"{place} holds null");
        }
        catch (Exception e) when (e is JsonException or ArgumentException or NotSupportedException)
        {
            throw new InvalidDataException($"{place} cannot be read: {e.Message}", e);
        }
    }

    private static string Hash(string path)
    {
        using var stream = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private sealed record Entry(long Bytes, string Sha256);
}
