using System.Collections.Concurrent;

namespace RlPrimitives.Models;

/// <summary>One thread for tensor work: dispose scopes and no_grad belong to a thread, and a new thread would start libtorch's pool anew.</summary>
public sealed class TensorThread : IDisposable
{
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;
    private int disposed;

    /// <summary>Starts the thread.</summary>
    /// <param name="name">Its name in a debugger.</param>
    public TensorThread(string name)
    {
        thread = new Thread(() =>
        {
            foreach (var item in work.GetConsumingEnumerable())
            {
                item();
            }
        }) { Name = name, IsBackground = true };
        thread.Start();
    }

    /// <summary>Runs <paramref name="body"/> on the thread, after what was asked before.</summary>
    public Task<T> RunAsync<T>(Func<T> body)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                completion.SetResult(body());
            }
            catch (OperationCanceledException e)
            {
                completion.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                completion.SetException(e);
            }
        });
        return completion.Task;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }

        work.CompleteAdding();
        if (Thread.CurrentThread != thread)
        {
            thread.Join();
        }

        work.Dispose();
    }
}
