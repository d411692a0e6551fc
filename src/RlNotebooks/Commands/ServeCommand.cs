using System.CommandLine;
using System.Net;
using RlNotebooks.Serving;

namespace RlNotebooks.Commands;

/// <summary><c>serve</c>: a local model behind vLLM's and OpenAI's routes.</summary>
internal static class ServeCommand
{
    private const string KeyVariable = "VLLM_API_KEY";

    public static Command Create()
    {
        var folder = new Argument<string>("model") { Description = "Folder of a Hugging Face model." };
        var host = new Option<string>("--host") { Description = "Address to listen on.", DefaultValueFactory = _ => "127.0.0.1" };
        var port = new Option<int>("--port") { Description = "Port to listen on; 0 takes a free one.", DefaultValueFactory = _ => 8000 };
        var name = new Option<string?>("--served-model-name") { Description = "The name that requests give; by default the folder's." };
        var key = new Option<string?>("--api-key") { Description = $"Bearer token that requests must carry; by default the value of {KeyVariable}, if there is one." };
        var device = new Option<string?>("--device") { Description = "cpu (default), cuda or cuda:1." };
        var slots = new Option<int>("--max-num-seqs") { Description = "Sequences decoded at once.", DefaultValueFactory = _ => 128 };
        var updates = new Option<bool>("--allow-weight-updates") { Description = "Lets requests load adapters and weights from folders of this machine." };
        var loras = new Option<int>("--max-loras") { Description = "Adapters loaded at once; each is a copy of the model.", DefaultValueFactory = _ => 4 };
        var command = new Command("serve", "Serves a local model: completions, chat completions with tools, tokenization, log-probs.") { folder, host, port, name, key, device, slots, updates, loras };
        command.SetAction((parsed, cancellation) =>
        {
            var options = new ServerOptions(parsed.GetValue(folder)!)
            {
                Host = parsed.GetValue(host)!, Port = parsed.GetValue(port), Device = parsed.GetValue(device), MaxConcurrency = parsed.GetValue(slots),
                AllowWeightUpdates = parsed.GetValue(updates), MaxLoras = parsed.GetValue(loras),
                ApiKey = parsed.GetValue(key) ?? (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } given ? given : null),
            };
            return ServeAsync(parsed.GetValue(name) is { Length: > 0 } served ? options with { ModelName = served } : options, cancellation);
        });
        return command;
    }

    private static async Task<int> ServeAsync(ServerOptions options, CancellationToken cancellation)
    {
        if (options.ApiKey is null && !(options.Host == "localhost" || (IPAddress.TryParse(options.Host, out var address) && IPAddress.IsLoopback(address))))
        {
            await Console.Error.WriteLineAsync($"Others reach {options.Host}: give --api-key (or {KeyVariable}), or listen on 127.0.0.1.");
            return 2;
        }

        GenerationServer server;
        try
        {
            server = await GenerationServer.StartAsync(options, cancellationToken: cancellation);
        }
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 2;
        }

        await using (server)
        {
            server.Failed = e => Console.Error.WriteLine(e);
            try
            {
                Console.WriteLine($"loading {options.ModelName} …");
                await server.Loaded.WaitAsync(cancellation);
                Console.WriteLine($"serving '{options.ModelName}' at {server.Address}v1 (Ctrl+C ends)");
                Console.WriteLine($$"""  curl {{server.Address}}v1/completions -H 'Content-Type: application/json' -d '{"model": "{{options.ModelName}}", "prompt": "27+58=", "max_tokens": 8}'""");
                await Task.Delay(Timeout.Infinite, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return 0; // Ctrl+C is how it ends
            }
            catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException)
            {
                await Console.Error.WriteLineAsync(e.Message);
                return 2;
            }
        }

        return 0;
    }
}
