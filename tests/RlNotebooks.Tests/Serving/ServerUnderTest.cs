using RlNotebooks.Serving;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlNotebooks.Tests.Serving;

/// <summary>A server of a model, with what it does on a bad day.</summary>
internal sealed class ServerUnderTest : IAsyncDisposable
{
    private readonly GenerationServer server;

    private ServerUnderTest(GenerationServer server, Misbehaviour bad, string folder) => (this.server, Bad, Folder) = (server, bad, folder);

    /// <summary>Servers and their models one after another: each has threads of its own.</summary>
    public const string Collection = "generation servers";

    public const string Key = "sk-a-key-that-nobody-may-see";

    public Misbehaviour Bad { get; }

    public string Folder { get; }

    public string Address => server.Address.ToString();

    public GenerationServer Server => server;

    public static string TinyCalc => Repository.Path("data", "models", "tiny-calc");

    /// <summary>Limits that make a test's retries short.</summary>
    public static VllmOptions Quick { get; } = new()
    {
        ApiKey = Key, FirstDelay = TimeSpan.FromMilliseconds(5), MaxDelay = TimeSpan.FromMilliseconds(50), HealthInterval = TimeSpan.FromMilliseconds(50),
        StartTimeout = TimeSpan.FromSeconds(30), Timeout = TimeSpan.FromSeconds(60),
    };

    public static async Task<ServerUnderTest> StartAsync(string? folder = null, string name = "tiny", Func<ServerOptions, ServerOptions>? change = null)
    {
        var bad = new Misbehaviour();
        var options = new ServerOptions(folder ?? TinyCalc) { Port = 0, ModelName = name, ApiKey = Key, AllowWeightUpdates = true };
        var server = await GenerationServer.StartAsync(change?.Invoke(options) ?? options, bad.Install);
        await server.Loaded;
        return new ServerUnderTest(server, bad, options.Folder);
    }

    public Task<VllmBackend> ConnectAsync(VllmOptions? options = null) => VllmBackend.ConnectAsync([Address], "tiny", options ?? Quick);

    /// <summary>A module over this server alone.</summary>
    public async Task<InferenceModule> ModuleAsync(VllmOptions? options = null) =>
        new(await ConnectAsync(options), HuggingFaceTokenizer.FromPretrained(Folder));

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
