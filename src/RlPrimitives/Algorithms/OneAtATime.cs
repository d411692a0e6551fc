namespace RlPrimitives.Algorithms;

/// <summary>
/// Lets one training of an algorithm run at a time. One that has been asked to end is waited for; or, where its loop was abandoned between two iterations, as an interrupted
/// notebook cell abandons it, it is replaced.
/// </summary>
internal sealed class OneAtATime
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly Lock sync = new();
    private Turn? current;

    /// <summary>Begins; <see cref="Turn.Leave"/> ends it.</summary>
    /// <param name="stop">Asks this one to end.</param>
    /// <exception cref="InvalidOperationException">Another is under way, and nobody has asked it to end.</exception>
    public async Task<Turn> EnterAsync(CancellationToken stop)
    {
        while (true)
        {
            lock (sync)
            {
                if (current is null || (current.Stop.IsCancellationRequested && current.IsHandedOver))
                {
                    return current = new Turn(this, replaces: current is not null, stop);
                }

                if (!current.Stop.IsCancellationRequested)
                {
                    throw new InvalidOperationException("A training of this algorithm is under way: wait for it, or cancel it. Two at once take an algorithm and a model each.");
                }
            }

            await Task.Delay(Look, stop).ConfigureAwait(false);
        }
    }

    /// <summary>One training.</summary>
    internal sealed class Turn(OneAtATime owner, bool replaces, CancellationToken stop)
    {
        public CancellationToken Stop => stop;

        /// <summary>Whether it took the place of one that was abandoned.</summary>
        public bool Replaces => replaces;

        /// <summary>Whether the caller has a step and is between two iterations.</summary>
        public bool IsHandedOver { get; set; }

        /// <summary>Whether no other has taken its place.</summary>
        public bool IsCurrent => ReferenceEquals(owner.current, this);

        /// <summary>Ends it.</summary>
        public void Leave()
        {
            lock (owner.sync)
            {
                owner.current = IsCurrent ? null : owner.current;
            }
        }
    }
}
