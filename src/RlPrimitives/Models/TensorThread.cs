using System.Collections.Concurrent;

namespace RlPrimitives.Models;

/// <summary>Runs tensor work on a thread made for it.</summary>
public interface ITensorExecutor
{
    /// <summary>Runs <paramref name="body"/> after what was asked before; whatever it throws arrives at the caller.</summary>
    Task<T> RunAsync<T>(Func<T> body);
}

/// <summary>One thread for tensor work: dispose scopes and no_grad belong to a thread.</summary>
/// <remarks>
/// libtorch's OpenMP runtime gives every thread that computes a team of its own, and once the teams together outnumber the cores, idle members
/// sleep instead of spinning: each small operation then pays for waking them, several times its own cost. So whoever computes often does it on
/// one thread (<see cref="CausalLM.Executor"/>), and whoever computes once does it on a thread that ends (<see cref="RunOnce"/>).
/// </remarks>
public sealed class TensorThread : ITensorExecutor, IDisposable
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

    /// <summary>Runs <paramref name="body"/> on a thread that ends with it, and its OpenMP team too; waits for it.</summary>
    public static T RunOnce<T>(Func<T> body)
    {
        using var thread = new TensorThread("RlPrimitives once");
        return thread.RunAsync(body).GetAwaiter().GetResult();
    }

    /// <inheritdoc/>
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
