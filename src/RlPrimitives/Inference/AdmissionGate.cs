namespace RlPrimitives.Inference;

/// <summary>Makes batching repeatable: the backend goes on only while every participant waits for it, and then admits requests in a fixed order.</summary>
/// <remarks>
/// A participant (one trajectory) is running or waiting for a generation. Which requests share a decode step would otherwise depend on
/// thread timing, and with it the last bits of every sum. Set as ambient by the rollout manager; flows into <c>StepAsync</c> by itself.
/// A step that wants several responses at once hands the requests over in one call: of calls made one after another without awaiting,
/// the first may be admitted before the second is made.
/// </remarks>
/// <param name="isOrdered">False admits at once, in the order of arrival: faster where environments are slow, not repeatable bit for bit.</param>
/// <param name="time">The clock of <see cref="Participant.InModel"/>; null for the system's.</param>
public sealed class AdmissionGate(bool isOrdered = true, TimeProvider? time = null)
{
    private static readonly AsyncLocal<Participant?> Ambient = new();
    private readonly TimeProvider time = time ?? TimeProvider.System;
    private readonly Lock gate = new();
    private int running;

    /// <summary>Raised when no participant is running any more.</summary>
    internal event Action? Quiet;

    /// <summary>Whether requests are admitted in a fixed order.</summary>
    internal bool IsOrdered => isOrdered;

    /// <summary>Asked when no participant is running any more, before the backend may go on: true keeps it waiting until <see cref="Release"/>.</summary>
    internal Func<bool>? Hold { get; set; }

    /// <summary>Ends what <see cref="Hold"/> began.</summary>
    internal void Release() => Change(-1);

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
            running += running == 0 && Hold is not null && Hold() ? 1 : 0;
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
        private int asking;
        private long askedAt;
        private long inModel; // in the clock's units
        private long calls;
        private volatile bool left;

        /// <summary>Place among simultaneous requests.</summary>
        public long Order => order;

        /// <summary>The random stream of this participant's next generation: the n-th call of a trajectory has the n-th one.</summary>
        internal RandomStream NextStream() => RandomStream.For(random.Seed, random.Stream, (ulong)Interlocked.Increment(ref calls));

        /// <summary>The gate.</summary>
        internal AdmissionGate Gate => gate;

        /// <summary>Whether the trajectory is over: what still runs of it may not ask the model any more.</summary>
        internal bool HasLeft => left;

        /// <summary>Most tokens that one request may sample now; the smaller of this and its own limit counts.</summary>
        public int MaxNewTokens { get; set; } = int.MaxValue;

        /// <summary>Most tokens of a sequence, prompt included.</summary>
        public int MaxSequenceTokens { get; set; } = int.MaxValue;

        /// <summary>Time spent so far on waiting for the model, its turn in the batch included; calls that overlap count once.</summary>
        public TimeSpan InModel
        {
            get
            {
                lock (sync)
                {
                    return gate.time.GetElapsedTime(0, inModel + (asking > 0 ? gate.time.GetTimestamp() - askedAt : 0));
                }
            }
        }

        /// <summary>The model is asked; disposing the result says that it has answered.</summary>
        /// <exception cref="OperationCanceledException">The trajectory is over.</exception>
        internal Question Ask()
        {
            ThrowIfLeft();
            lock (sync)
            {
                askedAt = asking++ == 0 ? gate.time.GetTimestamp() : askedAt;
            }

            return new Question(this);
        }

        private void Answered()
        {
            lock (sync)
            {
                inModel += --asking == 0 ? gate.time.GetTimestamp() - askedAt : 0;
            }
        }

        /// <exception cref="OperationCanceledException">The trajectory is over.</exception>
        internal void ThrowIfLeft()
        {
            if (left)
            {
                throw new OperationCanceledException("This trajectory is over (it ran out of time or was cancelled): what is left of it cannot ask the model.");
            }
        }

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

        /// <summary>One call of the model.</summary>
        internal readonly struct Question(Participant? owner) : IDisposable
        {
            public void Dispose() => owner?.Answered();
        }
    }
}
