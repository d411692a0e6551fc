namespace RlPrimitives.Models;

/// <summary>Switches the adapters of one model off for one thread: another, which generates meanwhile, does not notice.</summary>
internal sealed class LoraSwitch : IDisposable
{
    private readonly ThreadLocal<int> depth = new();

    public bool IsOff => depth.Value > 0;

    public T RunOff<T>(Func<T> body)
    {
        depth.Value++;
        try
        {
            return body();
        }
        finally
        {
            depth.Value--;
        }
    }

    public void Dispose() => depth.Dispose();
}
