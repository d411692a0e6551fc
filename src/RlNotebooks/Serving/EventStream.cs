using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace RlNotebooks.Serving;

/// <summary>Server-sent events as OpenAI's clients expect them: JSON objects, then [DONE].</summary>
internal static class EventStream
{
    public static void Begin(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        context.Response.Headers.CacheControl = "no-cache";
    }

    public static Task WriteAsync(HttpContext context, JsonObject piece) => WriteAsync(context, piece.ToJsonString(ServerJson.Options));

    public static Task EndAsync(HttpContext context) => WriteAsync(context, "[DONE]");

    private static async Task WriteAsync(HttpContext context, string data)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {data}\n\n"), context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }
}

/// <summary>How answers are written.</summary>
internal static class ServerJson
{
    public static System.Text.Json.JsonSerializerOptions Options { get; } = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static async Task AnswerAsync(this HttpContext context, JsonNode answer, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(answer.ToJsonString(Options), context.RequestAborted).ConfigureAwait(false);
    }
}
