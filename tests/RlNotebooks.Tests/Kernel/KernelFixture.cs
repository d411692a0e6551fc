namespace RlNotebooks.Tests.Kernel;

/// <summary>One kernel for all tests that leave it as it was.</summary>
public sealed class KernelFixture : IDisposable
{
    private readonly Lazy<(KernelProcess Process, KernelClient Client)> started = new(() =>
    {
        var process = KernelProcess.Start();
        return (process, new KernelClient(process.Connection));
    });

    internal KernelProcess Process => started.Value.Process;

    internal KernelClient Client => started.Value.Client;

    public void Dispose()
    {
        if (started.IsValueCreated)
        {
            Client.Dispose();
            Process.Dispose();
        }
    }
}

[CollectionDefinition(Name)]
public sealed class KernelCollection : ICollectionFixture<KernelFixture>
{
    public const string Name = "one kernel";
}
