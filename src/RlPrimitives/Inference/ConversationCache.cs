using RlPrimitives.Models.Attention;
using static TorchSharp.torch;

namespace RlPrimitives.Inference;

/// <summary>
/// Which slot of the key-value cache belongs to whom: running rows, and finished ones whose next request may continue them token for token and then finds
/// everything but the new tokens computed.
/// </summary>
/// <remarks>
/// A finished row stays where it is until its slot is needed; then a trajectory's is set aside in a tensor of its own, any other's is forgotten. A copy changes no bit,
/// so where a conversation lies does not matter, and whether it is still there must not depend on threads or on what the engine did before: a trajectory finds
/// only its own rows, and what is forgotten for lack of room is decided for each <see cref="AdmissionGate"/> by itself, while all behind it wait, oldest first.
/// </remarks>
/// <param name="cache">The keys and values.</param>
/// <param name="budget">Most bytes of conversations kept for one gate (and for all requests outside of any); 0 keeps none.</param>
internal sealed class ConversationCache(KeyValueCache cache, long budget) : IDisposable
{
    private readonly List<Conversation> kept = []; // oldest first
    private readonly SortedSet<int> free = [];

    /// <summary>Conversations kept now.</summary>
    public int Count => kept.Count;

    /// <summary>Tokens of the conversations kept now.</summary>
    public long Tokens => kept.Sum(c => (long)c.Tokens.Length);

    /// <summary>The row has finished: its slot is kept for what may continue it.</summary>
    public void Keep(DecodeRow row, bool mayContinue)
    {
        if (mayContinue && budget > 0)
        {
            kept.Add(new Conversation(row.Participant, row.Tokens, row.WeightsVersion) { Slot = row.Slot });
        }
        else
        {
            free.Add(row.Slot);
        }
    }

    /// <summary>Finds a slot for each row, in order; where the row continues a conversation, with that in it (<see cref="DecodeRow.Cached"/> says how much).</summary>
    /// <param name="rows">Rows about to start.</param>
    /// <param name="running">Rows that hold a slot already.</param>
    /// <param name="maxSlots">Slots that the cache may have.</param>
    /// <param name="weightsVersion">What was computed with other weights is forgotten.</param>
    public void Admit(IReadOnlyList<DecodeRow> rows, int running, int maxSlots, long weightsVersion)
    {
        Forget(c => c.WeightsVersion != weightsVersion || c.Owner is { HasLeft: true });
        var continued = rows.Select(Find).ToArray();
        kept.RemoveAll(continued.Contains);
        Trim();
        var demand = running + rows.Count;
        for (var i = 0; i < rows.Count; i++)
        {
            var (row, conversation) = (rows[i], continued[i]);
            row.Cached = conversation is null ? 0 : conversation.Tokens.Length - 1; // the last token was drawn and not yet fed
            if (conversation is { IsTaken: false, Slot: >= 0 })
            {
                row.Slot = conversation.Slot; // where it lies
            }
            else
            {
                row.Slot = Acquire(demand, maxSlots);
                if (conversation is { IsTaken: true })
                {
                    cache.Copy(conversation.Slot, row.Slot, row.Cached); // one of several that continue it
                }
                else if (conversation is not null)
                {
                    cache.Insert(conversation.Aside!, row.Slot);
                    conversation.Dispose();
                }
            }

            if (conversation is not null)
            {
                (conversation.IsTaken, conversation.Slot) = (true, conversation.IsTaken ? conversation.Slot : row.Slot);
            }
        }
    }

    /// <summary>Frees a running row's slot and keeps nothing.</summary>
    public void Release(DecodeRow row) => free.Add(row.Slot);

    /// <summary>Forgets every conversation.</summary>
    public void Clear() => Forget(_ => true);

    /// <summary>After a failure: forgets every conversation, and every slot is free.</summary>
    public void Reset()
    {
        Clear();
        free.Clear(); // the cache may have lost its slots
        free.UnionWith(Enumerable.Range(0, cache.Slots));
    }

    public void Dispose() => Clear();

    private Conversation? Find(DecodeRow row)
    {
        Conversation? longest = null;
        foreach (var conversation in kept)
        {
            if (ReferenceEquals(conversation.Owner, row.Participant) && conversation.Tokens.Length > (longest?.Tokens.Length ?? 0) && row.Prompt.AsSpan().StartsWith(conversation.Tokens))
            {
                longest = conversation;
            }
        }

        return longest;
    }

    private void Trim()
    {
        foreach (var gate in kept.GroupBy(c => c.Owner?.Gate).Where(g => g.Key is null || g.Key.IsQuiet).ToArray())
        {
            var over = gate.Sum(c => (long)c.Tokens.Length * cache.BytesPerToken) - budget;
            foreach (var conversation in gate.TakeWhile(_ => over > 0))
            {
                over -= conversation.Tokens.Length * cache.BytesPerToken;
                Forget(c => ReferenceEquals(c, conversation));
            }
        }
    }

    private int Acquire(int demand, int maxSlots)
    {
        if (free.Count == 0 && cache.Slots >= demand)
        {
            var oldest = kept.First(c => c.Slot >= 0); // there is one: fewer rows run than there are slots
            if (oldest.Owner is null)
            {
                Forget(c => ReferenceEquals(c, oldest));
            }
            else
            {
                oldest.Aside = cache.Extract(oldest.Slot, oldest.Tokens.Length - 1);
                free.Add(oldest.Slot);
                oldest.Slot = -1;
            }
        }
        else if (free.Count == 0)
        {
            var before = cache.Slots;
            cache.Reserve(Math.Min(maxSlots, Math.Max(demand, before * 3 / 2)), 1);
            free.UnionWith(Enumerable.Range(before, cache.Slots - before));
        }

        var slot = free.Min;
        free.Remove(slot);
        return slot;
    }

    private void Forget(Predicate<Conversation> which)
    {
        foreach (var conversation in kept.Where(c => which(c)))
        {
            if (conversation.Slot >= 0)
            {
                free.Add(conversation.Slot);
            }

            conversation.Dispose();
        }

        kept.RemoveAll(which);
    }

    /// <summary>A finished row.</summary>
    /// <param name="Owner">The trajectory that may continue it; null outside of rollouts.</param>
    /// <param name="Tokens">Prompt and response.</param>
    /// <param name="WeightsVersion">Version of the weights that it was computed with.</param>
    private sealed record Conversation(AdmissionGate.Participant? Owner, int[] Tokens, long WeightsVersion) : IDisposable
    {
        /// <summary>Where it lies; −1 where it is set aside.</summary>
        public int Slot { get; set; }

        /// <summary>[2·layers, tokens, Hkv, hd] where it is set aside.</summary>
        public Tensor? Aside { get; set; }

        /// <summary>Whether a running row has taken it over.</summary>
        public bool IsTaken { get; set; }

        public bool Equals(Conversation? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);

        public void Dispose() => Aside?.Dispose();
    }
}
