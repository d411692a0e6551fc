using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using RlPrimitives.Inference.Wire;

namespace RlPrimitives.Inference;

/// <summary>One server: requests to it, and what is known of it.</summary>
internal sealed class VllmEndpoint : IDisposable
{
    private readonly HttpClient http;
    private readonly VllmOptions options;

    /// <exception cref="ArgumentException">The address is not that of a server.</exception>
    public VllmEndpoint(string address, VllmOptions options)
    {
        this.options = options;
        Address = Parse(address);
        http = new HttpClient(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1), ConnectTimeout = TimeSpan.FromSeconds(15), UseCookies = false })
        {
            BaseAddress = Address, Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.ApiKey is { } key)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        }
    }

    /// <summary>Where it is, with a slash at the end; <c>/v1</c> is not part of it.</summary>
    public Uri Address { get; }

    /// <summary>Requests under way; the pool's.</summary>
    public int InFlight { get; set; }

    /// <summary>When it was last given a request, in order; the pool's.</summary>
    public long LastUsed { get; set; }

    /// <summary>Whether it answered when it was last asked.</summary>
    public bool IsHealthy { get; set; } = true;

    /// <summary>Name of the weights that were put there last; null where that is not known.</summary>
    public string? Weights { get; set; }

    /// <summary>One after another.</summary>
    public SemaphoreSlim WeightsLock { get; } = new(1);

    /// <summary>POST of a record, answered by one.</summary>
    /// <exception cref="VllmException">It refused, its answer is unusable, or the connection was lost.</exception>
    public Task<T> PostAsync<T>(string path, object body, CancellationToken cancellationToken)
        where T : class => AskAsync(HttpMethod.Post, path, body, ReadAsync<T>, cancellationToken);

    /// <summary>POST whose answer says nothing.</summary>
    public Task PostAsync(string path, object? body, CancellationToken cancellationToken) =>
        AskAsync(HttpMethod.Post, path, body, static async (content, token) => await content.ReadAsByteArrayAsync(token).ConfigureAwait(false), cancellationToken);

    /// <summary>GET of a record.</summary>
    public Task<T> GetAsync<T>(string path, CancellationToken cancellationToken)
        where T : class => AskAsync(HttpMethod.Get, path, null, ReadAsync<T>, cancellationToken);

    /// <summary>POST answered by a stream of records; the task ends with the stream.</summary>
    /// <exception cref="VllmException">As above; also a stream that ends before it says so.</exception>
    public Task<bool> StreamAsync<T>(string path, object body, Action<T> received, CancellationToken cancellationToken)
        where T : class => AskAsync(HttpMethod.Post, path, body, (content, token) => ReadEventsAsync(content, received, token), cancellationToken);

    /// <summary>The text of an answer, waited for without giving the thread back: for interfaces that know no waiting.</summary>
    public T PostAndWait<T>(string path, object body)
        where T : class
    {
        using var limit = new CancellationTokenSource(options.Timeout, options.Time);
        using var request = Request(HttpMethod.Post, path, body);
        try
        {
            using var response = http.Send(request, limit.Token);
            using var content = response.Content.ReadAsStream(limit.Token);
            using var reader = new StreamReader(content);
            var text = reader.ReadToEnd();
            return response.IsSuccessStatusCode ? JsonSerializer.Deserialize<T>(text, WireJson.Options)! : throw Refused(path, response, text);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Lost(path, e);
        }
        catch (JsonException e)
        {
            throw NotUnderstood(path, e);
        }
    }

    /// <summary>Whether GET /health says 200 now.</summary>
    public async Task<bool> AnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var response = await http.GetAsync(new Uri("health", UriKind.Relative), cancellationToken).ConfigureAwait(false);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false; // nobody there: that is the answer
        }
    }

    /// <summary>An answer that does not say what was asked for.</summary>
    public VllmException Nonsense(string path, string what) => new($"{Address}{path}: {Clean(what)}");

    public void Dispose()
    {
        http.Dispose();
        WeightsLock.Dispose();
    }

    private static Uri Parse(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https"))
        {
            throw new ArgumentException("The address of a vLLM server is like http://host:8000; what was given is not.", nameof(address));
        }

        if (uri.UserInfo.Length > 0 || uri.Query.Length > 0)
        {
            throw new ArgumentException($"The address of {uri.Host} holds a user name, a password or a query, which would show in messages. Give the key as VllmOptions.ApiKey or {VllmOptions.ApiKeyVariable}.", nameof(address));
        }

        var path = uri.AbsolutePath.TrimEnd('/');
        path = path.EndsWith("/v1", StringComparison.Ordinal) ? path[..^3] : path; // as OpenAI clients are given it
        return new UriBuilder(uri.Scheme, uri.Host, uri.Port, path + "/").Uri;
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, object? body) => new(method, new Uri(path, UriKind.Relative))
    {
        Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: WireJson.Options),
    };

    private async Task<T> AskAsync<T>(HttpMethod method, string path, object? body, Func<HttpContent, CancellationToken, Task<T>> read, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.Timeout, options.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            using var request = Request(method, path, body);
            // Ending the wait closes the connection, by which the server knows that nobody wants the rest.
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                throw Refused(path, response, await response.Content.ReadAsStringAsync(either.Token).ConfigureAwait(false));
            }

            return await read(response.Content, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{Address}{path} gave no whole answer within {options.Timeout}. Ask for fewer tokens, lower VllmOptions.MaxConcurrency, or raise VllmOptions.Timeout.", e);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Lost(path, e);
        }
        catch (JsonException e)
        {
            throw NotUnderstood(path, e);
        }
    }

    private static async Task<T> ReadAsync<T>(HttpContent content, CancellationToken cancellationToken)
        where T : class
    {
        await content.LoadIntoBufferAsync(cancellationToken).ConfigureAwait(false); // half an answer is a lost connection, not bad JSON
        return await content.ReadFromJsonAsync<T>(WireJson.Options, cancellationToken).ConfigureAwait(false) ?? throw new JsonException("it is null");
    }

    private async Task<bool> ReadEventsAsync<T>(HttpContent content, Action<T> received, CancellationToken cancellationToken)
        where T : class
    {
        var stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = stream.ConfigureAwait(false);
        using var reader = new StreamReader(stream);
        while (await reader.ReadLineAsync(cancellationToken).ConfigureAwait(false) is { } line)
        {
            if (!line.StartsWith("data:", StringComparison.Ordinal))
            {
                continue; // blank lines between events, comments that keep the connection open
            }

            var data = line[5..].Trim();
            if (data == "[DONE]")
            {
                return true;
            }

            if (data.StartsWith("{\"error\"", StringComparison.Ordinal))
            {
                throw new VllmException($"{Address} broke its stream off: {Said(data)}");
            }

            received(JsonSerializer.Deserialize<T>(data, WireJson.Options) ?? throw new JsonException("a piece of the stream is null"));
        }

        throw new IOException("the stream ended before it said [DONE]");
    }

    private VllmException Refused(string path, HttpResponseMessage response, string body) => new(
        $"{Address}{path} was refused with {(int)response.StatusCode} {response.StatusCode}: {Said(body)}", response.StatusCode)
    {
        IsTransient = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
        IsEndpointDown = response.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout,
        RetryAfter = response.Headers.RetryAfter is { } wait ? wait.Delta ?? (wait.Date is { } date ? date - options.Time.GetUtcNow() : null) : null,
    };

    private VllmException Lost(string path, Exception e) => new($"{Address}{path}: the connection failed or was lost ({Clean(e.Message)}).", null, e) { IsTransient = true, IsEndpointDown = true };

    private VllmException NotUnderstood(string path, JsonException e) =>
        new($"{Address}{path}: the answer is not what a vLLM server says ({Clean(e.Message)}). Is this the address of one?", null, e);

    private string Said(string body)
    {
        try
        {
            var error = JsonSerializer.Deserialize<ErrorResponse>(body, WireJson.Options);
            body = error?.Error?.Message ?? error?.Message ?? body;
        }
        catch (JsonException)
        {
            // Not a message of vLLM itself, such as a proxy's page: it is shown as it is.
        }

        body = body.Trim();
        return Clean(body.Length > 500 ? body[..500] + "…" : body.Length > 0 ? body : "(it said nothing)");
    }

    private string Clean(string text) => options.ApiKey is { Length: > 0 } key ? text.Replace(key, "[secret]", StringComparison.Ordinal) : text;
}
