namespace RlPrimitives.Rollouts;

/// <summary>
/// How the person at a notebook ends what runs without a token of its own: the host of a cell sets it, and trainings and collections that the cell starts end at their next safe
/// point when it is cancelled. It flows with the cell's asynchronous calls, and is none outside of cells.
/// </summary>
public static class Interruption
{
    private static readonly AsyncLocal<CancellationToken> Current = new();

    /// <summary>Cancelled when the person interrupts; set by the host before it runs a cell.</summary>
    public static CancellationToken Token
    {
        get => Current.Value;
        set => Current.Value = value;
    }
}
