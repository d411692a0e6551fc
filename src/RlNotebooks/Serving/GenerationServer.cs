using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RlPrimitives.Models.ChatTemplates;

namespace RlNotebooks.Serving;

/// <summary>A local model behind vLLM's and OpenAI's routes. It listens at once and answers 503 until the model is loaded.</summary>
internal sealed class GenerationServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task<ServedModels> loading;

    private GenerationServer(ServerOptions options, Action<IApplicationBuilder>? around)
    {
        loading = Task.Run(() => ServedModels.LoadAsync(options, stopping.Token));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders(); // what goes wrong is answered, and what is a fault of the server's own is said by Failed
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = 256 << 20;
            kestrel.Listen(Addresses(options.Host), options.Port, listen => listen.Protocols = HttpProtocols.Http1);
        });
        app = builder.Build();
        around?.Invoke(app);
        app.Use(AnswerErrorsAsync);
        app.Use((context, next) => IsOwn(context) ? next(context)
            : WriteErrorAsync(context, 403, "Web pages of other hosts may not call this server.", "PermissionError", null));
        if (options.ApiKey is { } key)
        {
            app.Use((context, next) => IsAllowed(context, key) ? next(context)
                : WriteErrorAsync(context, 401, "The bearer token is missing or wrong.", "AuthenticationError", null));
        }

        Map(options);
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Ends when the model is loaded, or fails as loading it did.</summary>
    public Task Loaded => loading;

    /// <summary>Told of faults of the server's own, which are answered with 500.</summary>
    public Action<Exception>? Failed { get; set; }

    /// <summary>Starts to listen; loading goes on.</summary>
    /// <param name="options">What is served.</param>
    /// <param name="around">What stands before everything else, such as a test's misbehaviour.</param>
    /// <param name="cancellationToken">Ends the start.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<GenerationServer> StartAsync(ServerOptions options, Action<IApplicationBuilder>? around = null, CancellationToken cancellationToken = default)
    {
        var server = new GenerationServer(options, around);
        try
        {
            await server.app.StartAsync(cancellationToken).ConfigureAwait(false);
            var bound = server.app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            server.Address = new Uri(bound);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await app.StopAsync().ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
        try
        {
            (await loading.ConfigureAwait(false)).Dispose();
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidDataException or NotSupportedException)
        {
            // It was never loaded: whoever waits for Loaded knows why.
        }

        stopping.Dispose();
    }

    private static IPAddress Addresses(string host) => host == "localhost" ? IPAddress.Loopback
        : IPAddress.TryParse(host, out var address) ? address : throw new ArgumentException($"'{host}' is no address to listen on; give one such as 127.0.0.1, or 0.0.0.0 for all.");

    /// <summary>Whether the request is not sent by a web page, or by one of this server's own address.</summary>
    private static bool IsOwn(HttpContext context) => context.Request.Headers.Origin.ToString() is { } origin
        && (origin.Length == 0 || (Uri.TryCreate(origin, UriKind.Absolute, out var page) && page.Authority.Equals(context.Request.Host.Value, StringComparison.OrdinalIgnoreCase)));

    private static bool IsAllowed(HttpContext context, string key) => context.Request.Path == "/health"
        || CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(context.Request.Headers.Authorization.ToString()), Encoding.UTF8.GetBytes($"Bearer {key}"));

    private static Task WriteErrorAsync(HttpContext context, int status, string message, string type, string? parameter) => context.AnswerAsync(
        new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["type"] = type, ["param"] = parameter, ["code"] = status } }, status);

    private void Map(ServerOptions options)
    {
        app.MapGet("/health", context =>
        {
            context.Response.StatusCode = loading.IsCompletedSuccessfully ? 200 : 503;
            return Task.CompletedTask;
        });
        app.MapPost("/v1/completions", context => CompletionRoute.AnswerAsync(context, Models()));
        app.MapPost("/v1/chat/completions", context => ChatRoute.AnswerAsync(context, Models()));
        app.MapPost("/tokenize", context => ModelRoutes.TokenizeAsync(context, Models()));
        app.MapPost("/detokenize", context => ModelRoutes.DetokenizeAsync(context, Models()));
        app.MapGet("/v1/models", context => ModelRoutes.ListAsync(context, Models(), options));
        app.MapGet("/version", context => context.AnswerAsync(new JsonObject { ["version"] = typeof(GenerationServer).Assembly.GetName().Version?.ToString(3) ?? "" }));
        foreach (var (path, answer) in ModelRoutes.WeightUpdates)
        {
            app.MapPost(path, context => options.AllowWeightUpdates ? answer(context, Models())
                : throw new ServingException(404, $"{path} is not available: start the server with --allow-weight-updates, where whoever reaches it may."));
        }

        app.MapFallback(context => throw new ServingException(404, $"There is no {context.Request.Method} {context.Request.Path}."));
    }

    private ServedModels Models() => loading.IsCompletedSuccessfully ? loading.Result : throw new ServingException(503, "The model is being loaded; try again in a moment.");

    private async Task AnswerErrorsAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left: there is nobody to tell.
        }
        catch (Exception e)
        {
            var (status, type) = e switch
            {
                ServingException { Status: 404 } => (404, "NotFoundError"),
                ServingException { Status: 503 } => (503, "ServiceUnavailableError"),
                ServingException refused => (refused.Status, "BadRequestError"),
                Microsoft.AspNetCore.Http.BadHttpRequestException bad => (bad.StatusCode, "BadRequestError"),
                ArgumentException or NotSupportedException or ChatTemplateException => (400, "BadRequestError"),
                _ => (500, "InternalServerError"),
            };
            if (status == 500)
            {
                Failed?.Invoke(e);
            }

            if (context.Response.HasStarted)
            {
                context.Abort(); // half an answer must not look whole
                return;
            }

            await WriteErrorAsync(context, status, e.Message, type, (e as ServingException)?.Parameter).ConfigureAwait(false);
        }
    }
}
