using System.Security.Cryptography;

namespace RlPrimitives.Tracking;

/// <summary>What is run: everything that a record begins with.</summary>
/// <param name="RunId">Unique; lower-case letters, digits, '-' and '_', at most 64, so that it can be part of a file name.</param>
/// <param name="Name">For people.</param>
/// <param name="Project">What the run belongs to.</param>
/// <param name="Started">When it began.</param>
public sealed record RunInfo(string RunId, string Name, string Project, DateTimeOffset Started)
{
    /// <inheritdoc cref="RunInfo(string, string, string, DateTimeOffset)" path="/param[@name='RunId']"/>
    public string RunId { get; init => field = CheckedId(value); } = CheckedId(RunId);

    /// <summary>Options by name: texts, numbers, booleans, null, lists and dictionaries of these (<see cref="ConfigSnapshot"/>).</summary>
    public IReadOnlyDictionary<string, object?> Config { get; init; } = new Dictionary<string, object?>();

    /// <summary>Versions of what the run is made of, by name.</summary>
    public IReadOnlyDictionary<string, string> Versions { get; init; } = new Dictionary<string, string>();

    /// <summary>Commit of the code, 40 or 64 hexadecimal digits; null where it is not known.</summary>
    public string? GitCommit { get; init; }

    /// <summary>Seed of the run; null where it has none.</summary>
    public ulong? Seed { get; init; }

    /// <summary>A fresh id of eight letters and digits.</summary>
    public static string NewId() => RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 8);

    /// <summary>The id, if it is one.</summary>
    /// <exception cref="ArgumentException">It has characters that a file name or a server may not take.</exception>
    internal static string CheckedId(string id) =>
        id is { Length: >= 1 and <= 64 } && id.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_') ? id
            : throw new ArgumentException($"The run id '{id}' must be 1 to 64 lower-case letters, digits, '-' or '_'; RunInfo.NewId() makes one.", nameof(id));
}
