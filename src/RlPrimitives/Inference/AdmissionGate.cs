namespace RlPrimitives.Inference;

/// <summary>Makes batching repeatable: the backend goes on only while every participant waits for it, and then admits requests in a fixed order.</summary>
/// <remarks>
/// A participant (one trajectory) is running or waiting for a generation. Which requests share a decode step would otherwise depend on
/// thread timing, and with it the last bits of every sum. Set as ambient by the rollout manager; flows into <c>StepAsync</c> by itself.
/// A step that wants several responses at once hands the requests over in one call: of calls made one after another without awaiting,
/// the first may be admitted before the second is made.
/// </remarks>
/// <param name="isOrdered">False admits at once, in the order of arrival: faster where environments are slow, not repeatable bit for bit.</param>
public sealed class AdmissionGate(bool isOrdered = true)
{
    private static readonly AsyncLocal<Participant?> Ambient = new();
    private readonly Lock gate = new();
    private int running;

    /// <summary>Raised when no participant is running any more.</summary>
    internal event Action? Quiet;

    /// <summary>Whether every participant waits for a generation or has left.</summary>
    internal bool IsQuiet
    {
        get
        {
            if (!isOrdered)
            {
                return true;
            }

            lock (gate)
            {
                return running == 0;
            }
        }
    }

    /// <summary>The participant that the current flow of control belongs to.</summary>
    internal static Participant? Current => Ambient.Value;

    /// <summary>Adds a running participant; call <see cref="Participant.Run{T}"/> with it.</summary>
    /// <param name="order">Its place when several ask at once; unique within the gate.</param>
    /// <param name="random">Root of the random streams of its generations.</param>
    public Participant Enter(long order, RandomStream random)
    {
        Change(+1);
        return new Participant(this, order, random);
    }

    private void Change(int by)
    {
        Action? quiet = null;
        lock (gate)
        {
            running += by;
            if (running == 0)
            {
                quiet = Quiet;
            }
        }

        quiet?.Invoke();
    }

    /// <summary>One trajectory behind the gate.</summary>
    /// <param name="gate">The gate.</param>
    /// <param name="order">Place among simultaneous requests.</param>
    /// <param name="random">Root of its random streams.</param>
    public sealed class Participant(AdmissionGate gate, long order, RandomStream random) : IDisposable
    {
        private readonly Lock sync = new();
        private int pending;
        private long calls;
        private bool left;

        /// <summary>Place among simultaneous requests.</summary>
        public long Order => order;

        /// <summary>The random stream of this participant's next generation: the n-th call of a trajectory has the n-th one.</summary>
        internal RandomStream NextStream() => RandomStream.For(random.Seed, random.Stream, (ulong)Interlocked.Increment(ref calls));

        /// <summary>The gate.</summary>
        internal AdmissionGate Gate => gate;

        /// <summary>Runs <paramref name="body"/> so that generations asked for inside it belong to this participant.</summary>
        public async Task<T> Run<T>(Func<Task<T>> body)
        {
            Ambient.Value = this; // an async method's own copy: the caller's flow is untouched
            return await body().ConfigureAwait(false);
        }

        /// <summary>Requests were handed over: while at least one is pending, the participant waits.</summary>
        /// <param name="count">How many, at least 1; each is answered by one <see cref="Resume"/>.</param>
        internal void Suspend(int count)
        {
            lock (sync)
            {
                var before = pending;
                pending += count;
                if (before > 0 || pending <= 0 || left)
                {
                    return;
                }
            }

            gate.Change(-1);
        }

        /// <summary>A result is about to be handed back.</summary>
        internal void Resume()
        {
            lock (sync)
            {
                // A cancelled request may be answered before it is counted: only the step from 1 to 0 ends the wait.
                if (pending-- != 1 || left)
                {
                    return;
                }
            }

            gate.Change(+1);
        }

        /// <summary>The trajectory is over.</summary>
        public void Dispose()
        {
            bool wasRunning;
            lock (sync)
            {
                if (left)
                {
                    return;
                }

                left = true;
                wasRunning = pending <= 0;
            }

            if (wasRunning)
            {
                gate.Change(-1);
            }
        }
    }
}
