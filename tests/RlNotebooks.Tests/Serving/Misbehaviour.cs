using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace RlNotebooks.Tests.Serving;

/// <summary>What real servers do on a bad day, on command: stands before everything else of a server under test.</summary>
internal sealed class Misbehaviour
{
    private readonly ConcurrentQueue<Func<HttpContext, RequestDelegate, Task>> next = new();

    /// <summary>Paths of the requests that came, health checks left out, in order.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>The newest request that generates.</summary>
    public JsonObject? LastBody { get; private set; }

    /// <summary>Authorization headers that came.</summary>
    public ConcurrentQueue<string> Authorizations { get; } = new();

    /// <summary>Requests under way now and at most.</summary>
    public int Running { get; private set; }

    public int MostRunning { get; private set; }

    /// <summary>Set when a client closed the connection before its answer was whole.</summary>
    public TaskCompletionSource Abandoned { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Set when a request has come in.</summary>
    public TaskCompletionSource Arrived { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Health checks say 503 while this holds.</summary>
    public bool IsIll { get; set; }

    /// <summary>Generating requests wait for this.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Changes the JSON of every answer to a completion.</summary>
    public Action<JsonObject>? Rewrite { get; set; }

    /// <summary>Changes of the weights are acknowledged and not made: adapters of any version are those first seen, whole weights those of the start.</summary>
    public bool KeepsWeightsStale { get; set; }

    private string? firstLora;

    /// <summary>The next request that generates is refused so.</summary>
    public Misbehaviour ThenStatus(int status, string? retryAfter = null, string says = "busy")
    {
        next.Enqueue((context, _) =>
        {
            context.Response.StatusCode = status;
            if (retryAfter is not null)
            {
                context.Response.Headers.RetryAfter = retryAfter;
            }

            return context.Response.WriteAsync($$$"""{"error": {"message": "{{{says}}}", "type": "busy", "param": null, "code": 1}}""");
        });
        return this;
    }

    /// <summary>The next one gets so many bytes of its answer, then the connection is cut.</summary>
    public Misbehaviour ThenCutAfter(int bytes)
    {
        next.Enqueue(async (context, serve) =>
        {
            var (body, written) = (context.Response.Body, new MemoryStream());
            context.Response.Body = written;
            await serve(context);
            context.Response.Body = body;
            context.Response.ContentLength = context.Response.ContentType!.StartsWith("text/event-stream", StringComparison.Ordinal) ? null : written.Length;
            await body.WriteAsync(written.ToArray().AsMemory(0, Math.Min(bytes, (int)written.Length)));
            await body.FlushAsync();
            context.Abort();
        });
        return this;
    }

    /// <summary>The next stream gets so many events and then a proper end of the body without [DONE].</summary>
    public Misbehaviour ThenHalfClose(int events)
    {
        next.Enqueue(async (context, serve) =>
        {
            var (body, written) = (context.Response.Body, new MemoryStream());
            context.Response.Body = written;
            await serve(context);
            context.Response.Body = body;
            var text = Encoding.UTF8.GetString(written.ToArray());
            await context.Response.WriteAsync(string.Concat(text.Split("\n\n").Take(events).Select(e => e + "\n\n")));
        });
        return this;
    }

    /// <summary>The next one is answered when the client has left, or never.</summary>
    public Misbehaviour ThenHang()
    {
        next.Enqueue(async (context, _) =>
        {
            var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var registration = context.RequestAborted.Register(left.SetResult);
            Arrived.TrySetResult();
            await left.Task;
            Abandoned.TrySetResult();
        });
        return this;
    }

    public void Install(IApplicationBuilder app) => app.Use(ServeAsync);

    private async Task ServeAsync(HttpContext context, RequestDelegate serve)
    {
        var path = context.Request.Path.Value!;
        if (path == "/health")
        {
            if (IsIll)
            {
                context.Response.StatusCode = 503;
                return;
            }

            await serve(context);
            return;
        }

        Requests.Enqueue(path);
        Authorizations.Enqueue(context.Request.Headers.Authorization.ToString());
        if (path is not ("/v1/completions" or "/v1/chat/completions"))
        {
            await (KeepsWeightsStale ? StaleAsync(context, path, serve) : serve(context));
            return;
        }

        lock (next)
        {
            Running++;
            MostRunning = Math.Max(Running, MostRunning);
        }

        context.Request.EnableBuffering();
        LastBody = await ObjectAsync(context.Request.Body);
        context.Request.Body.Position = 0;
        try
        {
            Arrived.TrySetResult();
            await Gate;
            await (next.TryDequeue(out var bad) ? bad(context, serve) : Rewrite is null ? serve(context) : RewriteAsync(context, serve));
        }
        finally
        {
            lock (next)
            {
                Running--;
            }
        }
    }

    private static async Task<JsonObject?> ObjectAsync(Stream body)
    {
        try
        {
            return await JsonNode.ParseAsync(body) as JsonObject;
        }
        catch (System.Text.Json.JsonException)
        {
            return null; // what is no JSON is the server's to refuse
        }
    }

    private async Task RewriteAsync(HttpContext context, RequestDelegate serve)
    {
        var (body, written) = (context.Response.Body, new MemoryStream());
        context.Response.Body = written;
        await serve(context);
        context.Response.Body = body;
        var answer = (JsonObject)JsonNode.Parse(written.ToArray())!;
        Rewrite!(answer);
        await context.Response.WriteAsync(answer.ToJsonString());
    }

    private async Task StaleAsync(HttpContext context, string path, RequestDelegate serve)
    {
        if (path == "/collective_rpc")
        {
            await context.Response.WriteAsync("""{"results": [null]}""");
            return;
        }

        if (path == "/v1/load_lora_adapter")
        {
            var asked = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
            firstLora ??= (string)asked["lora_path"]!;
            asked["lora_path"] = firstLora;
            context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(asked.ToJsonString()));
        }

        await serve(context);
    }
}
