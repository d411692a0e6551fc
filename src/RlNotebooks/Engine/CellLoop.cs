using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime;

namespace RlNotebooks.Engine;

/// <summary>
/// Brings the cell's own code back to the cell's thread after an <c>await</c>, so that interrupting reaches it there too. Library code goes on
/// where it would without a notebook: on the pool. When the cell's thread is blocked or busy, another thread takes the cell's code, so
/// <c>task.Result</c> in a cell never waits for itself.
/// </summary>
internal sealed class CellLoop(CancellationToken cancellation) : SynchronizationContext
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(5);
    private static readonly ConcurrentDictionary<Type, FieldInfo[]> Fields = new();

    private readonly BlockingCollection<Continuation> ready = [];

    /// <summary>Starts the cell on the calling thread and serves it until its task ends. An interrupt ends it wherever it is.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted.</exception>
    public void Run(Func<Task> start)
    {
        var before = Current;

        // Ends loops that look at no token: what the type is for. Its documented hazard, broken shared state, is the price of
        // interrupting a notebook at all.
#pragma warning disable SYSLIB0046
        ControlledExecution.Run(() =>
        {
            SetSynchronizationContext(this);
            try
            {
                Serve(start());
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }, cancellation);
#pragma warning restore SYSLIB0046
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (!IsOfCell(state))
        {
            // With the flow of the caller: an exception that nobody catches then still belongs to its cell.
            ThreadPool.QueueUserWorkItem(static c => c.d(c.state), (d, state), preferLocal: false);
            return;
        }

        var continuation = new Continuation(d, state);
        if (TryAdd(continuation))
        {
            _ = Task.Delay(Patience, CancellationToken.None).ContinueWith(_ => Elsewhere(continuation), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
        else
        {
            Elsewhere(continuation);
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public override SynchronizationContext CreateCopy() => this;

    private void Serve(Task work)
    {
        _ = work.ContinueWith(_ => ready.CompleteAdding(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        foreach (var continuation in ready.GetConsumingEnumerable(cancellation))
        {
            continuation.RunOnce();
        }
    }

    private bool TryAdd(Continuation continuation)
    {
        try
        {
            return !ready.IsAddingCompleted && !cancellation.IsCancellationRequested && ready.TryAdd(continuation, 0, CancellationToken.None);
        }
        catch (InvalidOperationException)
        {
            // The cell ended between the question and the addition; what is left of it runs on the pool.
            return false;
        }
    }

    // On a thread of its own: the runtime can interrupt a thread once only, so one of the pool would not do. What an interrupted cell left behind
    // is not continued.
    private void Elsewhere(Continuation continuation)
    {
        if (!continuation.IsTaken && !cancellation.IsCancellationRequested)
        {
            new Thread(() => RunInterruptibly(continuation)) { IsBackground = true, Name = "notebook cell, continued" }.UnsafeStart();
        }
    }

    private void RunInterruptibly(Continuation continuation)
    {
        RuntimeSignal.Allow();
        try
        {
#pragma warning disable SYSLIB0046
            ControlledExecution.Run(() =>
            {
                SetSynchronizationContext(this);
                continuation.RunOnce();
            }, cancellation);
#pragma warning restore SYSLIB0046
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Interrupted here; whoever waits for the cell hears of it from the session.
        }
    }

    // An awaiter posts the method to continue, or a small object that holds it: it belongs to the cell when its state machine does.
    private static bool IsOfCell(object? state) => state is not null && (IsMachineOfCell(state) || Fields.GetOrAdd(state.GetType(), FieldsOf).Any(f => IsMachineOfCell(f.GetValue(state))));

    private static bool IsMachineOfCell(object? holder) => (holder as Delegate)?.Target is { } target ? IsBoxOfCell(target) : holder is not null && IsBoxOfCell(holder);

    private static bool IsBoxOfCell(object box) =>
        box.GetType() is { IsGenericType: true } type && type.GenericTypeArguments.Any(t => t.FullName?.StartsWith("Submission#", StringComparison.Ordinal) == true);

    private static FieldInfo[] FieldsOf(Type type) =>
        [.. type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Where(f => !f.FieldType.IsValueType)];

    private sealed class Continuation(SendOrPostCallback callback, object? state)
    {
        private int taken;

        public bool IsTaken => Volatile.Read(ref taken) != 0;

        public void RunOnce()
        {
            if (Interlocked.Exchange(ref taken, 1) == 0)
            {
                callback(state);
            }
        }
    }
}
