using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;

namespace RlPrimitives.Inference;

/// <summary>How a vLLM server is asked: limits, retries, the key.</summary>
public sealed record VllmOptions
{
    /// <summary>Name of the environment variable that holds the key where <see cref="ApiKey"/> is not given.</summary>
    public const string ApiKeyVariable = "VLLM_API_KEY";

    /// <summary>Sent as bearer token; by default the value of <c>VLLM_API_KEY</c>, null for none. It stands in no message, no log and no text of this record.</summary>
    [JsonIgnore]
    public string? ApiKey { get; init; } = Environment.GetEnvironmentVariable(ApiKeyVariable) is { Length: > 0 } key ? key : null;

    /// <summary>Most requests under way at one endpoint, at least 1; more wait here. A server with more places than that is not filled.</summary>
    public int MaxConcurrency
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxConcurrency), value, "MaxConcurrency must be at least 1.");
    } = 256;

    /// <summary>Longest time for one request, from its place at an endpoint to the whole answer; positive. A request that takes longer is closed and not sent again.</summary>
    public TimeSpan Timeout
    {
        get;
        init => field = Positive(value, nameof(Timeout));
    } = TimeSpan.FromMinutes(10);

    /// <summary>How long to wait at the start for a server that is not there yet or loads its model; positive.</summary>
    public TimeSpan StartTimeout
    {
        get;
        init => field = Positive(value, nameof(StartTimeout));
    } = TimeSpan.FromMinutes(10);

    /// <summary>Further tries of a request after 429, 502, 503, 504 or a lost connection, at any endpoint; at least 0.</summary>
    public int MaxRetries
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(MaxRetries), value, "MaxRetries must be at least 0.");
    } = 8;

    /// <summary>Wait before the second try, positive; doubled for each further one with a random part, unless the server says how long (Retry-After).</summary>
    public TimeSpan FirstDelay
    {
        get;
        init => field = Positive(value, nameof(FirstDelay));
    } = TimeSpan.FromSeconds(0.5);

    /// <summary>Longest wait before a try, positive; what the server says counts up to this too.</summary>
    public TimeSpan MaxDelay
    {
        get;
        init => field = Positive(value, nameof(MaxDelay));
    } = TimeSpan.FromSeconds(30);

    /// <summary>Time between two looks at every endpoint's health, positive; one that fails gets no requests until it answers again.</summary>
    public TimeSpan HealthInterval
    {
        get;
        init => field = Positive(value, nameof(HealthInterval));
    } = TimeSpan.FromSeconds(5);

    /// <summary>Longest sequence, prompt and response together, tokens, at least 2; null takes what the server says (the least of several).</summary>
    public int? ContextLength
    {
        get;
        init => field = value is null or >= 2 ? value : throw new ArgumentOutOfRangeException(nameof(ContextLength), value, "ContextLength must be at least 2, or null for the server's.");
    }

    /// <summary>The clock of all waits.</summary>
    [JsonIgnore]
    public TimeProvider Time { get; init; } = TimeProvider.System;

    private static TimeSpan Positive(TimeSpan value, string name) =>
        value > TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be positive.");

    private bool PrintMembers(StringBuilder text)
    {
        text.Append(CultureInfo.InvariantCulture, $"ApiKey = {(ApiKey is null ? "none" : "[secret]")}, MaxConcurrency = {MaxConcurrency}, Timeout = {Timeout}, StartTimeout = {StartTimeout}, ")
            .Append(CultureInfo.InvariantCulture, $"MaxRetries = {MaxRetries}, FirstDelay = {FirstDelay}, MaxDelay = {MaxDelay}, HealthInterval = {HealthInterval}, ContextLength = {ContextLength}");
        return true;
    }
}
