using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Inference;

/// <summary>The decoding loop: admits waiting requests into free slots, decodes one token for every slot, refills slots as rows finish.</summary>
/// <remarks>All tensor work happens on one thread of the engine's own. Rows occupy slots 0 … n−1 of the cache without gaps.</remarks>
internal sealed class DecodeEngine : ITensorExecutor, IDisposable
{
    private const int PrefillTokensAtOnce = 4096;

    private readonly CausalLM model;
    private readonly ITokenizer tokenizer;
    private readonly int maxConcurrency;
    private readonly Thread thread;
    private readonly object sync = new();
    private readonly List<DecodeRow> waiting = [];
    private readonly Queue<(Action Run, Action<Exception> Fail)> jobs = [];
    private readonly List<DecodeRow> active = [];
    private readonly KeyValueCache cache;
    private long arrivals;
    private bool stopping;
    private bool mayHoldNaN; // the cache, after a row failed: what is masked must still be finite

    public DecodeEngine(CausalLM model, ITokenizer tokenizer, int maxConcurrency)
    {
        this.model = model;
        this.tokenizer = tokenizer;
        this.maxConcurrency = maxConcurrency;
        cache = new KeyValueCache(model.Config, model.Device, model.Type);
        thread = new Thread(Loop) { Name = "RlPrimitives inference", IsBackground = true };
        thread.Start();
        model.Offer(this);
    }

    /// <summary>Training of the same model, between two decode steps; with gradients, unlike the loop.</summary>
    public Task<T> RunAsync<T>(Func<T> body) => Enqueue(
        () =>
        {
            using var _ = enable_grad();
            return body();
        },
        CancellationToken.None);

    public async Task<Generation[]> GenerateAsync(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var participant = AdmissionGate.Current;
        var rows = requests.Select(r => new DecodeRow(r, model.Config, tokenizer, participant, cancellationToken)).ToArray();
        if (rows.Length == 0)
        {
            return [];
        }

        lock (sync)
        {
            ObjectDisposedException.ThrowIf(stopping, this);
            foreach (var row in rows)
            {
                row.Arrival = arrivals++;
                waiting.Add(row);
                if (participant is not null)
                {
                    participant.Gate.Quiet -= Wake;
                    participant.Gate.Quiet += Wake;
                }
            }
        }

        // The loop notices cancellation at its next step; an idle loop must be woken for it.
        using var registration = cancellationToken.UnsafeRegister(static engine => ((DecodeEngine)engine!).Wake(), this);
        participant?.Suspend(rows.Length); // each row resumes it once
        Wake();
        return await Task.WhenAll(rows.Select(r => r.Completion.Task)).ConfigureAwait(false);
    }

    /// <summary>Runs tensor work on the engine's thread, between two decode steps.</summary>
    public Task<T> Enqueue<T>(Func<T> work, CancellationToken cancellationToken)
    {
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (sync)
        {
            ObjectDisposedException.ThrowIf(stopping, this);
            jobs.Enqueue((Run, completion.SetException));
            Monitor.PulseAll(sync);
        }

        return completion.Task;

        void Run()
        {
            if (cancellationToken.IsCancellationRequested)
            {
                completion.SetCanceled(cancellationToken);
                return;
            }

            try
            {
                completion.SetResult(work());
            }
            catch (OperationCanceledException e)
            {
                completion.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                completion.SetException(e);
            }
        }
    }

    public void Dispose()
    {
        lock (sync)
        {
            if (stopping)
            {
                return;
            }

            stopping = true;
            Monitor.PulseAll(sync);
        }

        model.Withdraw(this);

        if (Thread.CurrentThread != thread)
        {
            thread.Join();
        }

        cache.Dispose();
    }

    private void Wake()
    {
        lock (sync)
        {
            Monitor.PulseAll(sync);
        }
    }

    private void Loop()
    {
        using var _ = no_grad(); // holds on this thread alone, which never awaits
        while (WaitForWork(out var job, out var admitted))
        {
            if (job is not null)
            {
                job();
                continue;
            }

            try
            {
                using var scope = NewDisposeScope();
                DropCancelled();
                Admit(admitted);
                Decode();
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // A failure of the native side concerns every row of the step: each caller gets it, the engine lives on.
                foreach (var row in active.Concat(admitted))
                {
                    row.Fail(e);
                }

                active.Clear();
                mayHoldNaN = true;
            }
        }

        foreach (var row in active.Concat(waiting))
        {
            row.Fail(new ObjectDisposedException(nameof(HuggingFaceBackend)));
        }

        foreach (var (_, fail) in jobs)
        {
            fail(new ObjectDisposedException(nameof(HuggingFaceBackend)));
        }
    }

    /// <summary>Waits until there is a job, or a step can be taken; false when the engine ends.</summary>
    private bool WaitForWork(out Action? job, out List<DecodeRow> admitted)
    {
        lock (sync)
        {
            while (true)
            {
                admitted = [];
                if (stopping)
                {
                    job = null;
                    return false;
                }

                if (jobs.TryDequeue(out var next))
                {
                    job = next.Run;
                    return true;
                }

                job = null;

                foreach (var row in waiting.Where(r => r.IsCancelled).ToArray())
                {
                    waiting.Remove(row);
                    row.Cancel();
                }

                // One gate whose participants all wait is enough: another's may be waiting for what this one generates.
                if (active.Concat(waiting).Any(r => r.Gate?.IsQuiet ?? true) || active.Any(r => r.IsCancelled))
                {
                    admitted = waiting.Where(r => r.Gate?.IsQuiet ?? true).OrderBy(r => r.Order).ThenBy(r => r.Arrival).Take(maxConcurrency - active.Count).ToList();
                    if (admitted.Count > 0 || active.Count > 0)
                    {
                        waiting.RemoveAll(admitted.Contains);
                        return true;
                    }
                }

                Monitor.Wait(sync);
            }
        }
    }

    private void DropCancelled()
    {
        for (var slot = active.Count - 1; slot >= 0; slot--)
        {
            if (active[slot].IsCancelled)
            {
                var row = active[slot];
                Release(slot);
                row.Cancel();
            }
        }
    }

    /// <summary>Prefills each distinct prompt once, copies its cache to the other rows that share it, and samples every row's first token.</summary>
    private void Admit(List<DecodeRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var first = active.Count;
        if (first == 0 && mayHoldNaN)
        {
            cache.Clear();
            mayHoldNaN = false;
        }

        active.AddRange(rows);
        cache.Reserve(active.Count, active.Max(r => r.MaxLength));
        // Equal prompts next to each other, short ones first: little padding, and the order of rows does not depend on lengths.
        var groups = rows.Select((row, i) => (row, slot: first + i)).GroupBy(r => r.row.Prompt, PromptComparer.Instance).OrderBy(g => g.Key.Length).ToArray();
        var finished = new List<int>();
        for (var start = 0; start < groups.Length;)
        {
            var end = start;
            for (var tokens = 0; end < groups.Length && (end == start || tokens + groups[end].Key.Length <= PrefillTokensAtOnce); end++)
            {
                tokens += groups[end].Key.Length;
            }

            Prefill(groups[start..end], finished);
            start = end;
        }

        ReleaseAll(finished);
    }

    private void Prefill(IGrouping<int[], (DecodeRow Row, int Slot)>[] groups, List<int> finished)
    {
        using var scope = NewDisposeScope();
        using var tokens = new PackedTokens(groups.Select(g => g.Key).ToArray(), model.Device);
        using var attention = new PackedAttention(model.Config, tokens, cache, groups.Select(g => g.First().Slot).ToArray());
        var last = tokens.Offsets.Select((offset, b) => (long)offset + tokens.Lengths[b] - 1).ToArray();
        var hidden = model.HiddenForInference(tokens, attention).index_select(0, torch.tensor(last, device: model.Device));  // [U, D]
        var logits = model.LogitsForInference(hidden).cpu().contiguous();  // [U, V]
        var vocabulary = model.Config.VocabularySize;
        var scratch = new float[vocabulary];
        for (var g = 0; g < groups.Length; g++)
        {
            foreach (var (row, slot) in groups[g])
            {
                if (slot != groups[g].First().Slot)
                {
                    cache.Copy(groups[g].First().Slot, slot, row.Prompt.Length);
                }

                Tensors.Floats(logits).Slice(g * vocabulary, vocabulary).CopyTo(scratch);
                if (row.Accept(scratch))
                {
                    finished.Add(slot);
                }
            }
        }
    }

    /// <summary>One token for every active row.</summary>
    private void Decode()
    {
        if (active.Count == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var positions = active.Select(r => r.Length - 1).ToArray();
        using var tokens = new PackedTokens(active.Select(r => (int[])[r.LastToken]).ToArray(), positions, model.Device);
        IAttention attention = HostDecodeAttention.Fits(model.Device, model.Type)
            ? new HostDecodeAttention(model.Config, cache, positions)
            : new DecodeAttention(model.Config, cache, positions, model.Device);
        using var _ = attention as IDisposable;
        var logits = model.LogitsForInference(model.HiddenForInference(tokens, attention)).cpu().contiguous();  // [n, V]
        var floats = Tensors.Floats(logits);
        var vocabulary = model.Config.VocabularySize;
        var finished = new List<int>();
        for (var slot = 0; slot < active.Count; slot++)
        {
            if (active[slot].Accept(floats.Slice(slot * vocabulary, vocabulary)))
            {
                finished.Add(slot);
            }
        }

        ReleaseAll(finished);
    }

    private void ReleaseAll(List<int> slots)
    {
        // Highest first, so that the row moved into the gap is never one of those that are leaving.
        var rows = slots.Order().Select(s => active[s]).ToArray();
        foreach (var slot in slots.OrderDescending())
        {
            Release(slot);
        }

        foreach (var row in rows)
        {
            row.Finish();
            mayHoldNaN |= row.HasFailed;
        }
    }

    /// <summary>Frees a slot; the last row moves into it so that no gap remains.</summary>
    private void Release(int slot)
    {
        var last = active.Count - 1;
        if (slot != last)
        {
            cache.Copy(last, slot, active[last].Length);
            active[slot] = active[last];
        }

        active.RemoveAt(last);
    }

    private sealed class PromptComparer : IEqualityComparer<int[]>
    {
        public static readonly PromptComparer Instance = new();

        public bool Equals(int[]? x, int[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(int[] ids)
        {
            var hash = new HashCode();
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(ids.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
