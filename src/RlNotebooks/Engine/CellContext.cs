namespace RlNotebooks.Engine;

/// <summary>The cell that the current thread or task belongs to: where its console text and displays go.</summary>
internal sealed class CellContext(NotebookSession session, CellCode cell)
{
    /// <summary>Characters of one stream of one cell that are kept.</summary>
    public const int StreamLimit = 100_000;

    private static readonly AsyncLocal<CellContext?> Flowing = new();
    private static volatile CellContext? running;

    private readonly long[] written = new long[2];
    private volatile bool cancelled;

    /// <summary>The flow's own cell; for threads that began outside every cell, the cell that runs now.</summary>
    public static CellContext? Current => Flowing.Value ?? running;

    public NotebookSession Session => session;

    /// <summary>Makes this the context of the calling thread and of what it starts.</summary>
    public void Enter()
    {
        Flowing.Value = this;
        running = this;
    }

    public static void Leave()
    {
        Flowing.Value = null;
        running = null;
    }

    /// <summary>After this the cell's leftover tasks end at their next output.</summary>
    public void Cancel() => cancelled = true;

    public void Write(bool isError, ReadOnlySpan<char> text)
    {
        ThrowIfCancelled();
        lock (session.OutputGate)
        {
            ref var count = ref written[isError ? 1 : 0];
            var before = count;
            count += text.Length;
            if (before > StreamLimit || text.IsEmpty)
            {
                return;
            }

            var kept = text[..(int)Math.Min(text.Length, StreamLimit - before)];
            session.Raise(new StreamWritten(cell.Id, isError, count > StreamLimit
                ? $"{kept}\n… output cut after {StreamLimit} characters\n"
                : kept.ToString()));
        }
    }

    public DisplayHandle Display(IReadOnlyDictionary<string, string> bundle)
    {
        ThrowIfCancelled();
        lock (session.OutputGate)
        {
            var id = session.NextDisplayId();
            session.Raise(new DisplayShown(cell.Id, id, bundle));
            return new DisplayHandle(this, id);
        }
    }

    public void Update(string displayId, IReadOnlyDictionary<string, string> bundle)
    {
        ThrowIfCancelled();
        lock (session.OutputGate)
        {
            session.Raise(new DisplayUpdated(cell.Id, displayId, bundle));
        }
    }

    private void ThrowIfCancelled()
    {
        if (cancelled)
        {
            throw new OperationCanceledException($"{cell.Name} was cancelled.");
        }
    }
}
