using RlPrimitives.Inference;
using RlPrimitives.Models;

namespace RlNotebooks.Tests.Serving;

/// <summary>The local backend keeps the contract.</summary>
[Collection(ServerUnderTest.Collection)]
public sealed class HuggingFaceBackendContractTests : BackendContract
{
    private readonly List<CausalLM> models = [];

    protected override Task<IInferenceBackend> CreateAsync()
    {
        var model = CausalLM.FromPretrained(ServerUnderTest.TinyCalc);
        models.Add(model);
        return Task.FromResult<IInferenceBackend>(new HuggingFaceBackend(model, Tokenizer));
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        models.ForEach(m => m.Dispose());
    }
}

/// <summary>A server behind HTTP keeps the same contract.</summary>
[Collection(ServerUnderTest.Collection)]
public sealed class VllmBackendContractTests : BackendContract
{
    private ServerUnderTest server = null!;

    protected override async Task<IInferenceBackend> CreateAsync() => await server.ConnectAsync();

    public override async Task InitializeAsync()
    {
        server = await ServerUnderTest.StartAsync();
        await base.InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        await server.DisposeAsync();
    }
}
