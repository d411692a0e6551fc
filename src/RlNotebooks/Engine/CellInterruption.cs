using RlPrimitives.Rollouts;

namespace RlNotebooks.Engine;

/// <summary>Tells the kit's trainings and collections when the cell they belong to is interrupted, without loading the kit where a notebook does not use it.</summary>
internal static class CellInterruption
{
    private static readonly AsyncLocal<CancellationToken> Flow = Published();

    /// <summary>Set on the cell's thread before its code runs.</summary>
    public static CancellationToken Token
    {
        set => Flow.Value = value;
    }

    private static AsyncLocal<CancellationToken> Published()
    {
        var flow = AppContext.GetData(Interruption.Slot) as AsyncLocal<CancellationToken> ?? new();
        AppContext.SetData(Interruption.Slot, flow);
        return flow;
    }
}
