using System.Collections.Concurrent;

namespace RlNotebooks.Engine;

/// <summary>The thread that a session's cells run on, with a stack for deep recursion.</summary>
internal sealed class CellThread : IDisposable
{
    private const int StackBytes = 64 << 20;

    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    public CellThread()
    {
        thread = new Thread(Loop, StackBytes) { IsBackground = true, Name = "notebook cells" };
        thread.UnsafeStart();
    }

    public Task<T> Run<T>(Func<T> body)
    {
        var result = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                var value = body();
                RuntimeSignal.Allow();
                result.SetResult(value);
            }
            catch (Exception e)
            {
                RuntimeSignal.Allow();
                result.SetException(e);
            }
        });
        return result.Task;
    }

    public bool IsAlive => thread.IsAlive;

    /// <summary>Wakes the thread if it waits or sleeps.</summary>
    public void InterruptIfWaiting()
    {
        if ((thread.ThreadState & ThreadState.WaitSleepJoin) != 0)
        {
            thread.Interrupt();
        }
    }

    /// <summary>Ends the thread after its current work; does not wait for it.</summary>
    public void Dispose() => work.CompleteAdding();

    private void Loop()
    {
        RuntimeSignal.Allow();
        while (!work.IsCompleted)
        {
            try
            {
                if (work.TryTake(out var next, Timeout.Infinite))
                {
                    next();
                }
            }
            catch (ThreadInterruptedException)
            {
                // An interrupt that arrived after its cell had ended: it concerns nobody any more.
            }
        }
    }
}
