using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace RlPrimitives.Tracking;

/// <summary>The part of MLflow's REST API (version 2.0) that a run needs, with retries: a server that is busy or restarting is waited for, a refusal is not.</summary>
internal sealed class MlflowClient : IDisposable
{
    private readonly HttpClient http;
    private readonly ResiliencePipeline<HttpResponseMessage> repeatable;
    private readonly ResiliencePipeline<HttpResponseMessage> once;

    /// <param name="server">Address of the tracking server; user name and password in it are sent as basic authorization and stand nowhere else.</param>
    /// <param name="firstDelay">Wait before the second try; doubled for each further one.</param>
    public MlflowClient(Uri server, TimeSpan firstDelay)
    {
        var address = new UriBuilder(server) { UserName = "", Password = "" };
        address.Path = address.Path.TrimEnd('/') + "/";
        http = new HttpClient { BaseAddress = address.Uri, Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Authorization = Authorization(server.UserInfo);
        // What may be done twice is tried again whatever happened; what may not, only where the server cannot have done it.
        repeatable = Pipeline(firstDelay, new PredicateBuilder<HttpResponseMessage>()
            .Handle<HttpRequestException>().Handle<TimeoutRejectedException>().HandleResult(r => r.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= (HttpStatusCode)500));
        once = Pipeline(firstDelay, new PredicateBuilder<HttpResponseMessage>()
            .Handle<HttpRequestException>(e => e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
            .HandleResult(r => r.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable));
    }

    /// <summary>POST of a JSON object.</summary>
    /// <param name="path">Below <c>api/2.0/mlflow/</c>.</param>
    /// <param name="body">The object.</param>
    /// <param name="canRepeat">Whether doing it twice is the same as once.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="MlflowException">The server refused.</exception>
    public Task<JsonElement> PostAsync(string path, IReadOnlyDictionary<string, object?> body, bool canRepeat, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, $"api/2.0/mlflow/{path}", TrackingJson.Text(body), canRepeat, cancellationToken);

    /// <summary>GET with a query.</summary>
    public Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) => SendAsync(HttpMethod.Get, $"api/2.0/mlflow/{path}", null, true, cancellationToken);

    /// <summary>PUT of an artifact through the server.</summary>
    public Task PutArtifactAsync(string path, string json, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Put, $"api/2.0/mlflow-artifacts/artifacts/{string.Join('/', path.Split('/').Select(Uri.EscapeDataString))}", json, true, cancellationToken);

    public void Dispose() => http.Dispose();

    private static ResiliencePipeline<HttpResponseMessage> Pipeline(TimeSpan firstDelay, PredicateBuilder<HttpResponseMessage> when) =>
        new ResiliencePipelineBuilder<HttpResponseMessage>()
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = 4, Delay = firstDelay, BackoffType = DelayBackoffType.Exponential, UseJitter = true, MaxDelay = TimeSpan.FromSeconds(10), ShouldHandle = when,
            })
            .AddTimeout(TimeSpan.FromSeconds(10))
            .Build();

    private static AuthenticationHeaderValue? Authorization(string userInfo)
    {
        if (userInfo.Length > 0)
        {
            return Basic(Uri.UnescapeDataString(userInfo));
        }

        if (Environment.GetEnvironmentVariable("MLFLOW_TRACKING_TOKEN") is { Length: > 0 } token)
        {
            return new AuthenticationHeaderValue("Bearer", token);
        }

        return Environment.GetEnvironmentVariable("MLFLOW_TRACKING_USERNAME") is { Length: > 0 } user
            ? Basic($"{user}:{Environment.GetEnvironmentVariable("MLFLOW_TRACKING_PASSWORD")}") : null;

        static AuthenticationHeaderValue Basic(string pair) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
    }

    private async Task<JsonElement> SendAsync(HttpMethod method, string path, string? json, bool canRepeat, CancellationToken cancellationToken)
    {
        using var response = await (canRepeat ? repeatable : once).ExecuteAsync(async attempt =>
        {
            using var request = new HttpRequestMessage(method, path);
            if (json is not null)
            {
                request.Content = new StringContent(json, Encoding.UTF8, "application/json");
            }

            return await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, attempt).ConfigureAwait(false);
        }, cancellationToken).ConfigureAwait(false);
        var text = await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            throw MlflowException.Of(path.Split('?')[0], response.StatusCode, text);
        }

        try
        {
            using var document = JsonDocument.Parse(text.Length == 0 ? "{}" : text);
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new MlflowException($"The answer to {path.Split('?')[0]} is not JSON ({e.Message}): is this address an MLflow tracking server?", null, e);
        }
    }
}

/// <summary>What an MLflow server refused.</summary>
/// <param name="message">The request, the status and what the server said.</param>
/// <param name="code">The server's error code, such as <c>RESOURCE_DOES_NOT_EXIST</c>; null where it gave none.</param>
/// <param name="inner">What was thrown.</param>
internal sealed class MlflowException(string message, string? code, Exception? inner = null) : Exception(message, inner)
{
    public string? Code { get; } = code;

    public static MlflowException Of(string path, HttpStatusCode status, string body)
    {
        string? code = null;
        var said = body.Length > 300 ? body[..300] + "…" : body;
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement is { ValueKind: JsonValueKind.Object } error)
            {
                code = error.TryGetProperty("error_code", out var c) && c.ValueKind == JsonValueKind.String ? c.GetString() : null;
                said = error.TryGetProperty("message", out var m) && m.ValueKind == JsonValueKind.String ? m.GetString()! : said;
            }
        }
        catch (JsonException)
        {
            // Not a message of MLflow itself, such as a proxy's page: it is shown as it is.
        }

        return new MlflowException($"{path} was refused with {(int)status} {code ?? status.ToString()}: {said}", code);
    }
}
