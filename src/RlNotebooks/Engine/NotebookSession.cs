using System.Diagnostics.CodeAnalysis;
using Microsoft.CodeAnalysis.Scripting;
using RlNotebooks.Engine.Formatting;
using RlPrimitives.Notebooks;

namespace RlNotebooks.Engine;

/// <summary>Runs C# cells one after the other; each sees what the earlier ones declared. Knows nothing of files or terminals.</summary>
public sealed class NotebookSession : IDisposable
{
    // A cell that has not stopped this long after its cancellation is left behind with its thread.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    private readonly ScriptChain script;
    private readonly ValueFormatter formatter = new();
    private CellThread thread = new();
    private int executionCount;
    private int displayCount;
    private bool disposed;

    /// <summary>Starts a session; the console is routed to its cells until it is disposed.</summary>
    /// <param name="folder">What <c>#r</c> and <c>#load</c> paths are relative to.</param>
    public NotebookSession(string folder)
    {
        Folder = Path.GetFullPath(folder);
        script = new ScriptChain(Folder);
        ConsoleRouter.Acquire();
    }

    /// <summary>What cells show, in order; raised on the thread that shows it. A handler must not write to the console.</summary>
    [SuppressMessage("Design", "CA1003", Justification = "A stream of records, not a user interface event.")]
    public event Action<CellEvent>? Output;

    /// <summary>What <c>#r</c> and <c>#load</c> paths are relative to.</summary>
    public string Folder { get; }

    internal Lock OutputGate { get; } = new();

    /// <summary>Runs one cell. A failing cell is a result, not an exception; the session goes on after it.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="cancellation">Ends the cell: loops and waits are interrupted, tasks end at their next output.</param>
    public async Task<CellResult> ExecuteAsync(CellCode cell, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(cell);
        ObjectDisposedException.ThrowIf(disposed, this);
        var count = ++executionCount;
        var context = new CellContext(this, cell);
        // The cell's own token: cancelling it can block until the cell's thread reacts, which must hold up nobody else.
        var stop = new CancellationTokenSource();
        var work = thread.Run(() => Execute(cell, context, count, stop.Token));
        if (await EndsInTimeAsync(work, context, stop, cancellation).ConfigureAwait(false))
        {
            return await work.ConfigureAwait(false);
        }

        thread.Dispose();
        thread = new CellThread();
        CellContext.Leave();
        return Cancelled(count);
    }

    /// <summary>Ends the session; its variables can be collected.</summary>
    public void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            thread.Dispose();
            script.Dispose();
            formatter.Clear();
            ConsoleRouter.Release();
        }
    }

    internal IReadOnlyDictionary<string, string> Format(object? value, string? mimeType) => formatter.Format(value, mimeType);

    internal string NextDisplayId() => $"display-{++displayCount}";

    internal void Raise(CellEvent output) => Output?.Invoke(output);

    private async Task<bool> EndsInTimeAsync(Task work, CellContext context, CancellationTokenSource stop, CancellationToken cancellation)
    {
        using (var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
        {
            await Task.WhenAny(work, Task.Delay(Timeout.Infinite, ended.Token)).ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
        }

        if (!work.IsCompleted)
        {
            context.Cancel();
            _ = Task.Run(stop.Cancel, CancellationToken.None);
            if (await Task.WhenAny(work, Task.Delay(Grace / 3, CancellationToken.None)).ConfigureAwait(false) != work)
            {
                thread.InterruptIfWaiting();
                await Task.WhenAny(work, Task.Delay(Grace * 2 / 3, CancellationToken.None)).ConfigureAwait(false);
            }
        }

        return work.IsCompleted;
    }

    private CellResult Execute(CellCode cell, CellContext context, int count, CancellationToken cancellation)
    {
        var outside = NotebookHost.Current;
        context.Enter();
        NotebookHost.Current = new CellHost(outside);
        try
        {
            var (hasValue, value, error) = script.Run(cell, cancellation);
            return error is not null
                ? new CellResult(CellStatus.Failed, count, null, ErrorReport.From(error, cell, Folder))
                : new CellResult(CellStatus.Succeeded, count, hasValue ? Format(value, null) : null, null);
        }
        catch (Exception) when (cancellation.IsCancellationRequested)
        {
            return Cancelled(count);
        }
        catch (Exception e)
        {
            return new CellResult(CellStatus.Failed, count, null, ErrorReport.From(e, cell, Folder));
        }
        finally
        {
            NotebookHost.Current = outside;
            CellContext.Leave();
        }
    }

    private static CellResult Cancelled(int count) =>
        new(CellStatus.Cancelled, count, null, new CellError("Cancelled", "The cell was cancelled.", ["Cancelled: The cell was cancelled."], null));
}
