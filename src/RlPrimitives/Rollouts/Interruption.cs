namespace RlPrimitives.Rollouts;

/// <summary>
/// How the person at a notebook ends what runs without a token of its own: the host of a cell sets it, and trainings and collections that the cell starts end at their next safe
/// point when it is cancelled. It flows with the cell's asynchronous calls, and is none outside of cells.
/// </summary>
/// <remarks>
/// A host need not load this library for it: it keeps an <see cref="AsyncLocal{T}"/> of <see cref="CancellationToken"/> in <see cref="AppContext"/> under the name <see cref="Slot"/>.
/// </remarks>
public static class Interruption
{
    /// <summary>Name of the data of <see cref="AppContext"/>.</summary>
    public const string Slot = "RlPrimitives.Interruption";

    /// <summary>Cancelled when the person interrupts; set by the host before it runs a cell.</summary>
    public static CancellationToken Token
    {
        get => (AppContext.GetData(Slot) as AsyncLocal<CancellationToken>)?.Value ?? CancellationToken.None;
        set
        {
            if (AppContext.GetData(Slot) is not AsyncLocal<CancellationToken> flow)
            {
                AppContext.SetData(Slot, flow = new AsyncLocal<CancellationToken>());
            }

            flow.Value = value;
        }
    }
}
