using System.Collections;
using System.Text;
using System.Text.RegularExpressions;

namespace RlPrimitives.Tracking;

/// <summary>
/// Takes secrets out of what is recorded: values under names such as <c>ApiKey</c>, values of environment variables with such names wherever they turn up, user names and
/// passwords in addresses, and Hugging Face tokens by their shape. What is taken out reads <see cref="Removed"/>. Half surrogate pairs, which no file can hold, become U+FFFD.
/// </summary>
public sealed partial class Scrubber
{
    /// <summary>What stands where a secret was.</summary>
    public const string Removed = "[secret]";

    // Shorter values (1, true, none) stand in ordinary text by chance.
    private const int ShortestSecret = 8;

    private static readonly HashSet<string> SecretWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "secret", "secrets", "password", "passwd", "passphrase", "credential", "credentials", "authorization", "bearer", "apikey", "pat",
    };

    private static readonly HashSet<string> KeyWords = new(StringComparer.OrdinalIgnoreCase) { "api", "access", "private", "secret", "auth", "signing" };

    // Texts of a vocabulary: EosToken is no password.
    private static readonly HashSet<string> VocabularyWords = new(StringComparer.OrdinalIgnoreCase) { "eos", "bos", "pad", "unk", "mask", "stop", "start", "end", "special" };

    private readonly string[] secrets;

    /// <summary>Knows these values.</summary>
    /// <param name="secrets">Values to take out wherever they stand; those shorter than eight characters are not looked for.</param>
    public Scrubber(IEnumerable<string> secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        this.secrets = [.. secrets.Where(s => s.Length >= ShortestSecret).Distinct(StringComparer.Ordinal).OrderByDescending(s => s.Length)];
    }

    /// <summary>Knows the values of the environment variables whose names say that they are secret: <c>WANDB_API_KEY</c>, <c>HF_TOKEN</c>, …</summary>
    public static Scrubber FromEnvironment() => new(
        Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Where(e => IsSecretName((string)e.Key)).Select(e => (string?)e.Value ?? ""));

    /// <summary>Whether a name says that its value is secret: <c>HF_TOKEN</c> and <c>apiKey</c> do, <c>MaxNewTokens</c> and <c>StopTokenIds</c> do not.</summary>
    /// <param name="name">Of an option or an environment variable; pascal, camel, snake or kebab case.</param>
    public static bool IsSecretName(string name)
    {
        var words = Word().Matches(name).Select(m => m.Value).ToArray();
        return words.Any(SecretWords.Contains) || (words.Length > 0 && words[^1].Equals("token", StringComparison.OrdinalIgnoreCase) && !(words.Length > 1 && VocabularyWords.Contains(words[^2])))
            || words.Zip(words.Skip(1)).Any(w => KeyWords.Contains(w.First) && w.Second.Equals("key", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>The text without secrets, those in addresses included; the same instance where there are none.</summary>
    /// <param name="text">Any text.</param>
    public string Clean(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = CleanValues(text);
        if (text.Contains("://", StringComparison.Ordinal))
        {
            text = UserInfo().Replace(text, $"$1{Removed}@");
            text = Query().Replace(text, m => IsSecretName(m.Groups[2].Value) ? $"{m.Groups[1].Value}{m.Groups[2].Value}={Removed}" : m.Value);
        }

        return text;
    }

    /// <summary>The run without secrets.</summary>
    /// <param name="run">What is run.</param>
    public RunInfo Clean(RunInfo run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return run with
        {
            Name = Clean(run.Name), Project = Clean(run.Project), Config = Clean(run.Config),
            Versions = run.Versions.ToDictionary(v => Clean(v.Key), v => Clean(v.Value)), GitCommit = run.GitCommit is null ? null : Clean(run.GitCommit),
        };
    }

    /// <summary>The step without secrets.</summary>
    /// <param name="step">Its numbers and warnings.</param>
    public StepMetrics Clean(StepMetrics step)
    {
        ArgumentNullException.ThrowIfNull(step);
        return step.Alarms.Count == 0 ? step
            : step with { Alarms = [.. step.Alarms.Select(a => new TrackedAlarm(Clean(a.Name), Clean(a.Message), Clean(a.Remedy)))] };
    }

    /// <summary>The row without the values that this object knows; what the model wrote stays as it is otherwise.</summary>
    /// <param name="row">A completion.</param>
    public CompletionRow Clean(CompletionRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row with
        {
            ProblemId = CleanValues(row.ProblemId), Prompt = CleanValues(row.Prompt), Response = CleanValues(row.Response),
            Turns = [.. row.Turns.Select(CleanValues)], Error = row.Error is null ? null : Clean(row.Error),
        };
    }

    /// <summary>The outcome without secrets.</summary>
    /// <param name="outcome">How a run ended.</param>
    public RunOutcome Clean(RunOutcome outcome)
    {
        ArgumentNullException.ThrowIfNull(outcome);
        return outcome with { Message = outcome.Message is null ? null : Clean(outcome.Message) };
    }

    private Dictionary<string, object?> Clean(IReadOnlyDictionary<string, object?> config) =>
        config.ToDictionary(c => Clean(c.Key), c => c.Value is not (null or bool) && IsSecretName(c.Key) ? Removed : CleanValue(c.Value));

    private object? CleanValue(object? value) => value switch
    {
        string text => Clean(text),
        IReadOnlyDictionary<string, object?> nested => Clean(nested),
        IEnumerable<object?> list => list.Select(CleanValue).ToArray(),
        _ => value,
    };

    private string CleanValues(string text)
    {
        foreach (var secret in secrets)
        {
            text = text.Replace(secret, Removed, StringComparison.Ordinal);
        }

        if (text.Contains("hf_", StringComparison.Ordinal))
        {
            text = HuggingFaceToken().Replace(text, Removed);
        }

        return IsWellFormed(text) ? text : string.Concat(text.EnumerateRunes());
    }

    private static bool IsWellFormed(string text)
    {
        for (var rest = text.AsSpan(); !rest.IsEmpty;)
        {
            var at = rest.IndexOfAnyInRange('\uD800', '\uDFFF');
            if (at < 0)
            {
                return true;
            }

            if (Rune.DecodeFromUtf16(rest[at..], out _, out var used) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            rest = rest[(at + used)..];
        }

        return true;
    }

    [GeneratedRegex("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")]
    private static partial Regex Word();

    [GeneratedRegex(@"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@""']+@")]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"([?&])([A-Za-z0-9_.-]+)=[^\s&#""']+")]
    private static partial Regex Query();

    [GeneratedRegex(@"\bhf_[A-Za-z0-9]{20,}")]
    private static partial Regex HuggingFaceToken();
}
