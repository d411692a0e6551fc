using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace RlPrimitives.Rollouts;

/// <summary>A collection as a stream. In the repeatable form trajectories are handed over only while the model waits, and it waits until the caller comes back.</summary>
internal static class TrajectoryStream
{
    public static async IAsyncEnumerable<Trajectory> RunAsync(
        Func<Action<Finished>, Collection> begin, bool isOrdered, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var channel = Channel.CreateUnbounded<Trajectory[]>(new UnboundedChannelOptions { SingleReader = true });
        var buffer = new List<Trajectory>();
        var collection = begin(attempt =>
        {
            if (!attempt.IsFinal)
            {
                return;
            }

            lock (buffer)
            {
                buffer.Add(attempt.Trajectory);
            }

            if (!isOrdered)
            {
                Flush();
            }
        });
        isOrdered &= collection.Gate.IsOrdered;
        collection.Gate.Hold = isOrdered ? Flush : null;
        var running = CompleteAsync();
        try
        {
            while (await channel.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                while (channel.Reader.TryRead(out var finished))
                {
                    foreach (var trajectory in finished)
                    {
                        yield return trajectory;
                    }
                }

                if (isOrdered)
                {
                    collection.Gate.Release();
                }
            }

            await running.ConfigureAwait(false);
        }
        finally
        {
            await leaving.CancelAsync().ConfigureAwait(false);
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // nothing is left running
        }

        // True if something was handed over.
        bool Flush()
        {
            Trajectory[] finished;
            lock (buffer)
            {
                finished = [.. buffer.OrderBy(t => (t.Group, t.Member))];
                buffer.Clear();
            }

            return finished.Length > 0 && channel.Writer.TryWrite(finished);
        }

        async Task CompleteAsync()
        {
            try
            {
                await collection.RunAsync(leaving.Token).ConfigureAwait(false);
            }
            finally
            {
                Flush();
                channel.Writer.TryComplete();
            }
        }
    }
}
