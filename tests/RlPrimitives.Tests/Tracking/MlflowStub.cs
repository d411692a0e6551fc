using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace RlPrimitives.Tests.Tracking;

/// <summary>A tracking server on the loopback address that holds every request against the documented schema and limits of MLflow's REST API 2.0.</summary>
internal sealed class MlflowStub : IDisposable
{
    private readonly HttpListener listener = new();
    private readonly Dictionary<string, string> experiments = [];

    public MlflowStub(string artifactUri = "mlflow-artifacts:/1/run1/artifacts")
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var port = ((IPEndPoint)probe.LocalEndpoint).Port;
        probe.Stop();
        Address = new Uri($"http://127.0.0.1:{port}");
        ArtifactUri = artifactUri;
        listener.Prefixes.Add(Address.ToString());
        listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public Uri Address { get; }

    public string ArtifactUri { get; }

    public List<string> Violations { get; } = [];

    public List<(string Path, JsonElement Body)> Requests { get; } = [];

    public List<string?> Authorizations { get; } = [];

    public Dictionary<string, string> Artifacts { get; } = [];

    /// <summary>Answers that come before the real ones.</summary>
    public Queue<HttpStatusCode> Faults { get; } = new();

    /// <summary>A call that is done, but whose answer is lost.</summary>
    public string? FailsOnce { get; set; }

    public IEnumerable<JsonElement> Bodies(string path)
    {
        lock (Requests)
        {
            return [.. Requests.Where(r => r.Path == path).Select(r => r.Body)];
        }
    }

    public void Dispose() => listener.Close();

    private async Task ServeAsync()
    {
        while (listener.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            lock (Requests)
            {
                var (status, answer) = Answer(context.Request);
                var bytes = Encoding.UTF8.GetBytes(answer);
                context.Response.StatusCode = (int)status;
                context.Response.OutputStream.Write(bytes);
                context.Response.Close();
            }
        }
    }

    private (HttpStatusCode Status, string Answer) Answer(HttpListenerRequest request)
    {
        Authorizations.Add(request.Headers["Authorization"]);
        var text = new StreamReader(request.InputStream, Encoding.UTF8).ReadToEnd();
        if (Faults.TryDequeue(out var fault))
        {
            return (fault, "<html>busy</html>");
        }

        var path = request.Url!.AbsolutePath;
        if (path.StartsWith("/api/2.0/mlflow-artifacts/artifacts/", StringComparison.Ordinal))
        {
            Check(request.HttpMethod == "PUT", "artifacts are PUT");
            Artifacts[path["/api/2.0/mlflow-artifacts/artifacts/".Length..]] = text;
            return (HttpStatusCode.OK, "{}");
        }

        var body = text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
        var call = path["/api/2.0/mlflow/".Length..];
        Requests.Add((call, body));
        Check(Encoding.UTF8.GetByteCount(text) <= 1_000_000, "a request is at most 1 MB");
        if (call == FailsOnce)
        {
            FailsOnce = null;
            return (HttpStatusCode.InternalServerError, "");
        }

        switch (call)
        {
            case "experiments/get-by-name":
                Check(request.HttpMethod == "GET", "get-by-name is GET");
                return experiments.TryGetValue(request.QueryString["experiment_name"]!, out var id) ? (HttpStatusCode.OK, JsonSerializer.Serialize(new { experiment = new { experiment_id = id } }))
                    : (HttpStatusCode.NotFound, """{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"none"}""");
            case "experiments/create":
                Text(body, "name", 500);
                experiments[body.GetProperty("name").GetString()!] = "1";
                return (HttpStatusCode.OK, """{"experiment_id":"1"}""");
            case "runs/create":
                Text(body, "experiment_id", 50);
                Text(body, "run_name", 500);
                Check(body.GetProperty("start_time").GetInt64() > 1_700_000_000_000, "start_time is in milliseconds");
                Pairs(body, "tags", 5000);
                return (HttpStatusCode.OK, JsonSerializer.Serialize(new { run = new { info = new { run_id = "run1", artifact_uri = ArtifactUri } } }));
            case "runs/log-batch":
                Text(body, "run_id", 50);
                var (metrics, parameters, tags) = (Metrics(body), Pairs(body, "params", 6000), Pairs(body, "tags", 5000));
                Check(metrics <= 1000 && parameters <= 100 && tags <= 100 && metrics + parameters + tags is > 0 and <= 1000, $"{metrics} metrics, {parameters} params, {tags} tags");
                return (HttpStatusCode.OK, "{}");
            case "runs/update":
                Text(body, "run_id", 50);
                Check(body.GetProperty("status").GetString() is "FINISHED" or "FAILED" or "KILLED", "status");
                Check(body.GetProperty("end_time").GetInt64() > 1_700_000_000_000, "end_time is in milliseconds");
                return (HttpStatusCode.OK, """{"run_info":{}}""");
            default:
                Check(false, $"there is no {call}");
                return (HttpStatusCode.NotFound, "{}");
        }
    }

    private int Metrics(JsonElement body)
    {
        if (!body.TryGetProperty("metrics", out var metrics))
        {
            return 0;
        }

        foreach (var metric in metrics.EnumerateArray())
        {
            Key(metric);
            Check(metric.GetProperty("value").ValueKind == JsonValueKind.Number || metric.GetProperty("value").GetString() is "Infinity" or "-Infinity", "a value is a number");
            Check(metric.GetProperty("timestamp").GetInt64() > 1_700_000_000_000 && metric.GetProperty("step").TryGetInt64(out _), "timestamp and step");
        }

        return metrics.GetArrayLength();
    }

    private int Pairs(JsonElement body, string name, int longest)
    {
        if (!body.TryGetProperty(name, out var pairs))
        {
            return 0;
        }

        foreach (var pair in pairs.EnumerateArray())
        {
            Key(pair);
            Text(pair, "value", longest);
        }

        Check(pairs.EnumerateArray().Select(p => p.GetProperty("key").GetString()).Distinct().Count() == pairs.GetArrayLength(), $"{name} are unique");
        return pairs.GetArrayLength();
    }

    private void Key(JsonElement entry)
    {
        Text(entry, "key", 250);
        var key = entry.GetProperty("key").GetString()!;
        Check(key.Length > 0 && key.All(c => char.IsAsciiLetterOrDigit(c) || "_-. /".Contains(c, StringComparison.Ordinal)), $"key '{key}'");
    }

    private void Text(JsonElement body, string name, int longest) =>
        Check(body.TryGetProperty(name, out var text) && text.ValueKind == JsonValueKind.String && Encoding.UTF8.GetByteCount(text.GetString()!) <= longest, $"{name} is a text of at most {longest} bytes");

    private void Check(bool holds, string rule)
    {
        if (!holds)
        {
            Violations.Add(rule);
        }
    }
}
