using System.Diagnostics.CodeAnalysis;
using RlNotebooks.Engine.Formatting;
using RlNotebooks.Engine.Packages;
using RlNotebooks.Engine.References;
using RlPrimitives.Notebooks;

namespace RlNotebooks.Engine;

/// <summary>Runs C# cells one after the other; each sees what the earlier ones declared. Knows nothing of files or terminals.</summary>
public sealed class NotebookSession : IDisposable
{
    // A cell that has not stopped this long after its cancellation is left behind with its thread.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(3);

    // How often somebody looks whether the cell's thread still is there.
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    private readonly ScriptChain script;
    private readonly CellExecution execution;
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
        execution = new CellExecution(script, new SessionPackages(Folder), Folder);
        CellThreads.SurviveTheirExceptions();
        NativeLibraries.FindBesideAssemblies();
        ConsoleRouter.Acquire();
    }

    /// <summary>What cells show, in order; raised on the thread that shows it. A handler must not write to the console.</summary>
    [SuppressMessage("Design", "CA1003", Justification = "A stream of records, not a user interface event.")]
    public event Action<CellEvent>? Output;

    /// <summary>What <c>#r</c> and <c>#load</c> paths are relative to.</summary>
    public string Folder { get; }

    /// <summary>Characters of one stream of one cell that are kept; the rest is cut, and says so.</summary>
    public int StreamLimit { get; init; } = 100_000;

    /// <summary>Asks the person at the notebook for a line; null where nobody is there.</summary>
    public Func<InputQuestion, CancellationToken, string>? Ask { get; set; }

    /// <summary>The number of the last counted cell; 0 before the first.</summary>
    public int ExecutionCount => executionCount;

    internal Lock OutputGate { get; } = new();

    internal ScriptChain Script => script;

    /// <summary>Runs one cell. A failing cell is a result, not an exception; the session goes on after it.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="cancellation">Ends the cell: loops and waits are interrupted, tasks end at their next output.</param>
    public Task<CellResult> ExecuteAsync(CellCode cell, CancellationToken cancellation = default) => ExecuteAsync(cell, isCounted: true, cancellation);

    /// <summary>Runs one cell.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="isCounted">Whether it gets a number of its own; otherwise it has that of the last one that did.</param>
    /// <param name="cancellation">Ends the cell.</param>
    public async Task<CellResult> ExecuteAsync(CellCode cell, bool isCounted, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(cell);
        ObjectDisposedException.ThrowIf(disposed, this);
        var count = isCounted ? ++executionCount : executionCount;
        // The cell's own token: cancelling it can block until the cell's thread reacts, which must hold up nobody else.
        var stop = new CancellationTokenSource();
        var context = new CellContext(this, cell, stop.Token);
        var work = thread.Run(() => Execute(cell, context, count, stop.Token));
        var hasEnded = await EndsInTimeAsync(work, context, stop, cancellation).ConfigureAwait(false);
        var isLost = !thread.IsAlive;
        if (!hasEnded || context.IsCancelled)
        {
            // The runtime can interrupt a thread only once: the next cell gets a new one, also when this one ended well.
            thread.Dispose();
            thread = new CellThread();
        }

        if (hasEnded)
        {
            return await work.ConfigureAwait(false);
        }

        CellContext.Leave();
        return isLost ? Lost(count) : Cancelled(count);
    }

    /// <summary>Prepares the first cell while nobody waits for it.</summary>
    public Task WarmUpAsync() => Task.Run(script.WarmUp);

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
            CellContext.Forget(this);
        }
    }

    internal IReadOnlyDictionary<string, string> Format(object? value, string? mimeType) => formatter.Format(value, mimeType);

    internal string NextDisplayId() => $"display-{++displayCount}";

    internal void Raise(CellEvent output) => Output?.Invoke(output);

    private async Task<bool> EndsInTimeAsync(Task work, CellContext context, CancellationTokenSource stop, CancellationToken cancellation)
    {
        using (var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
        {
            var told = Task.Delay(Timeout.Infinite, ended.Token);
            while (!work.IsCompleted && !told.IsCompleted && thread.IsAlive)
            {
                await Task.WhenAny(work, told, Task.Delay(Heartbeat, CancellationToken.None)).ConfigureAwait(false);
            }

            await ended.CancelAsync().ConfigureAwait(false);
        }

        if (!work.IsCompleted)
        {
            context.Cancel();
            _ = Task.Run(stop.Cancel, CancellationToken.None);
            if (thread.IsAlive && await Task.WhenAny(work, Task.Delay(Grace / 6, CancellationToken.None)).ConfigureAwait(false) != work)
            {
                thread.InterruptIfWaiting();
                await Task.WhenAny(work, Task.Delay(Grace * 5 / 6, CancellationToken.None)).ConfigureAwait(false);
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
            var (hasValue, value, error) = execution.Run(cell, context, cancellation);
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

    private static CellResult Lost(int count) => new(CellStatus.Failed, count, null,
        new CellError("ThreadEnded", "The cell ended its own thread.", ["ThreadEnded: The cell ended its own thread; the next cell runs on a new one."], null));

    private static CellResult Cancelled(int count) =>
        new(CellStatus.Cancelled, count, null, new CellError("Cancelled", "The cell was cancelled.", ["Cancelled: The cell was cancelled."], null));
}
