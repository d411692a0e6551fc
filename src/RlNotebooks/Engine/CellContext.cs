namespace RlNotebooks.Engine;

/// <summary>The cell that the current thread or task belongs to: where its console text and displays go.</summary>
internal sealed class CellContext(NotebookSession session, CellCode cell, CancellationToken stop)
{
    private static readonly AsyncLocal<CellContext?> Flowing = new();
    private static volatile CellContext? running;
    private static volatile CellContext? latest;

    private readonly long[] written = new long[2];
    private volatile bool cancelled;

    /// <summary>The flow's own cell; for threads that began outside every cell, the cell that runs now.</summary>
    public static CellContext? Current => Flowing.Value ?? running;

    /// <summary>The cell that began last, whether or not it has ended; null before the first and after its session.</summary>
    public static CellContext? Latest => latest;

    public NotebookSession Session => session;

    public string CellId => cell.Id;

    /// <summary>Makes this the context of the calling thread and of what it starts.</summary>
    public void Enter()
    {
        Flowing.Value = this;
        running = this;
        latest = this;
    }

    /// <summary>Forgets a session that has ended.</summary>
    public static void Forget(NotebookSession session)
    {
        if (latest?.Session == session)
        {
            latest = null;
        }
    }

    public static void Leave()
    {
        Flowing.Value = null;
        running = null;
    }

    public bool IsCancelled => cancelled;

    /// <summary>After this the cell's leftover tasks end at their next output.</summary>
    public void Cancel() => cancelled = true;

    public void Write(bool isError, ReadOnlySpan<char> text)
    {
        ThrowIfCancelled();
        var limit = session.StreamLimit;
        lock (session.OutputGate)
        {
            ref var count = ref written[isError ? 1 : 0];
            var before = count;
            count += text.Length;
            if (before > limit || text.IsEmpty)
            {
                return;
            }

            var kept = text[..(int)Math.Min(text.Length, limit - before)];
            session.Raise(new StreamWritten(cell.Id, isError, count > limit
                ? $"{kept}\n… output cut after {limit} characters\n"
                : kept.ToString()));
        }
    }

    /// <summary>Shows an exception that nobody caught on a thread that the cell started.</summary>
    public void ShowLostException(Exception exception)
    {
        if (!cancelled)
        {
            var error = ErrorReport.From(exception, cell, session.Folder);
            Write(isError: true, $"Nobody caught this exception on a thread of {cell.Name}; the thread ended.\n{string.Join('\n', error.Traceback)}\n");
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
            session.Raise(new DisplayUpdated((Current ?? this).CellId, displayId, bundle));
        }
    }

    public void ClearOutput(bool wait)
    {
        ThrowIfCancelled();
        lock (session.OutputGate)
        {
            session.Raise(new OutputCleared(cell.Id, wait));
        }
    }

    /// <summary>Asks the person at the notebook.</summary>
    /// <exception cref="InvalidOperationException">Nobody is there.</exception>
    public string Ask(string prompt, bool isSecret)
    {
        ThrowIfCancelled();
        return session.Ask?.Invoke(new InputQuestion(cell.Id, prompt, isSecret), stop)
            ?? throw new InvalidOperationException("The cell asks for input, but nobody is there to answer. Put the value into a variable, or run the notebook in an editor.");
    }

    private void ThrowIfCancelled()
    {
        if (cancelled)
        {
            throw new OperationCanceledException($"{cell.Name} was cancelled.");
        }
    }
}
