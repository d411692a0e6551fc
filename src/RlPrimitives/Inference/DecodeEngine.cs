using System.Buffers;
using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Native;
using RlPrimitives.Models.Tokenizers;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Inference;

/// <summary>The decoding loop: admits waiting requests into free slots, decodes one token for every slot, refills slots as rows finish.</summary>
/// <remarks>All tensor work happens on one thread of the engine's own. A row that finishes may stay in its slot, for the request that continues it.</remarks>
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
    private readonly ConversationCache conversations;
    private long arrivals;
    private long steps, rowSteps, prefillTokens, reusedTokens;
    private bool stopping;
    private bool mayHoldNaN; // the cache, after a row failed: what is masked must still be finite

    public DecodeEngine(CausalLM model, ITokenizer tokenizer, int maxConcurrency, long conversationBytes, Func<long[], Tensor>? allocate = null)
    {
        this.model = model;
        this.tokenizer = tokenizer;
        this.maxConcurrency = maxConcurrency;
        cache = new KeyValueCache(model.Config, model.Device, model.Type, allocate);
        conversations = new ConversationCache(cache, conversationBytes);
        thread = new Thread(Loop) { Name = "RlPrimitives inference", IsBackground = true };
        thread.Start();
        model.Offer(this);
    }

    /// <summary>What it has computed so far.</summary>
    public BackendActivity Activity => new(
        maxConcurrency, Interlocked.Read(ref steps), Interlocked.Read(ref rowSteps), Interlocked.Read(ref prefillTokens), Interlocked.Read(ref reusedTokens));

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
        participant?.ThrowIfLeft();
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

        conversations.Dispose();
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
            catch (Exception e) when (e is not OutOfMemoryException or InsufficientMemoryException)
            {
                // A failure of the native side concerns every row of the step: each caller gets it, the engine lives on.
                foreach (var row in active.Concat(admitted))
                {
                    row.Fail(e);
                }

                active.Clear();
                conversations.Reset();
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
        foreach (var row in active.Where(r => r.IsCancelled).ToArray())
        {
            active.Remove(row);
            conversations.Release(row);
            row.Cancel();
        }
    }

    /// <summary>Prefills each distinct prompt once, copies its cache to the other rows that share it, and samples every row's first token.</summary>
    private void Admit(List<DecodeRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        if (active.Count == 0 && mayHoldNaN)
        {
            conversations.Clear();
            cache.Clear();
            mayHoldNaN = false;
        }

        rows.ForEach(r => r.WeightsVersion = model.Version);
        conversations.Admit(rows, active.Count, maxConcurrency, model.Version);
        active.AddRange(rows);
        cache.Reserve(cache.Slots, rows.Max(r => r.Length) + 1);
        // Equal prompts next to each other, short ones first: little padding, and the order of rows does not depend on lengths.
        var groups = rows.Where(r => r.Cached == 0).GroupBy(r => r.Prompt, PromptComparer.Instance).OrderBy(g => g.Key.Length).Select(g => g.ToArray()).ToArray();
        var continued = rows.Where(r => r.Cached > 0).OrderBy(r => r.Prompt.Length - r.Cached).Select(r => new[] { r }).ToArray();
        var finished = new List<DecodeRow>();
        foreach (var sharing in InPieces(groups).Concat(InPieces(continued)))
        {
            Prefill(sharing, finished);
        }

        ReleaseAll(finished);
    }

    private static IEnumerable<DecodeRow[][]> InPieces(DecodeRow[][] groups)
    {
        for (var start = 0; start < groups.Length;)
        {
            var end = start;
            for (var tokens = 0; end < groups.Length && (end == start || tokens + NewTokens(groups[end]) <= PrefillTokensAtOnce); end++)
            {
                tokens += NewTokens(groups[end]);
            }

            yield return groups[start..end];
            start = end;
        }

        static int NewTokens(DecodeRow[] group) => group[0].Prompt.Length - group[0].Cached;
    }

    /// <summary>Computes prompts, or what is new of them, and samples each row's first token. Rows of a group have the same prompt.</summary>
    private void Prefill(DecodeRow[][] groups, List<DecodeRow> finished)
    {
        using var scope = NewDisposeScope();
        var firsts = Array.ConvertAll(groups, g => g[0]);
        var starts = Array.ConvertAll(firsts, r => r.Cached);
        var slots = Array.ConvertAll(firsts, r => r.Slot);
        using var tokens = new PackedTokens(Array.ConvertAll(firsts, r => r.Prompt[r.Cached..]), starts, model.Device);
        IAttention attention = starts[0] > 0
            ? new ContinuedAttention(model.Config, tokens, cache, slots, starts)
            : new PackedAttention(model.Config, tokens, cache, slots);
        using var _ = attention as IDisposable;
        var last = tokens.Offsets.Select((offset, b) => (long)offset + tokens.Lengths[b] - 1).ToArray();
        var hidden = model.HiddenForInference(tokens, attention).index_select(0, torch.tensor(last, device: model.Device));  // [U, D]
        var logits = model.LogitsForInference(hidden).cpu().contiguous();  // [U, V]
        Interlocked.Add(ref prefillTokens, tokens.Count);
        Interlocked.Add(ref reusedTokens, groups.Sum(g => (long)g[0].Cached + ((long)g[0].Prompt.Length * (g.Length - 1))));
        foreach (var group in groups)
        {
            foreach (var row in group.AsSpan(1))
            {
                cache.Copy(group[0].Slot, row.Slot, row.Prompt.Length);
            }
        }

        Sample(logits, groups.SelectMany((group, g) => group.Select(row => (row, g))).ToArray(), finished);
    }

    /// <summary>Draws a token for each row from its line of the logits, [U, V].</summary>
    private void Sample(Tensor logits, (DecodeRow Row, int Line)[] rows, List<DecodeRow> finished)
    {
        var vocabulary = model.Config.VocabularySize;
        var threads = (long)rows.Length * vocabulary >= 1 << 14 ? get_num_threads() : 1;
        ComputeTeam.For(rows.Length, threads, i =>
        {
            var scratch = ArrayPool<float>.Shared.Rent(vocabulary); // several rows may share a line
            var line = scratch.AsSpan(0, vocabulary);
            Tensors.Floats(logits).Slice(rows[i].Line * vocabulary, vocabulary).CopyTo(line);
            rows[i].Row.Draw(line);
            ArrayPool<float>.Shared.Return(scratch);
        });
        foreach (var (row, _) in rows)
        {
            if (row.Accept())
            {
                finished.Add(row);
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

        Interlocked.Increment(ref steps);
        Interlocked.Add(ref rowSteps, active.Count);
        using var scope = NewDisposeScope();
        var positions = active.Select(r => r.Length - 1).ToArray();
        var slots = active.Select(r => r.Slot).ToArray();
        cache.Reserve(cache.Slots, positions.Max() + 1);
        using var tokens = new PackedTokens(active.Select(r => (int[])[r.LastToken]).ToArray(), positions, model.Device);
        IAttention attention = HostDecodeAttention.Fits(model.Device, model.Type)
            ? new HostDecodeAttention(model.Config, cache, slots, positions)
            : new DecodeAttention(model.Config, cache, slots, positions, model.Device);
        using var _ = attention as IDisposable;
        var logits = model.LogitsForInference(model.HiddenForInference(tokens, attention)).cpu().contiguous();  // [n, V]
        var finished = new List<DecodeRow>();
        Sample(logits, active.Select((row, i) => (row, i)).ToArray(), finished);
        ReleaseAll(finished);
    }

    private void ReleaseAll(List<DecodeRow> finished)
    {
        if (finished.Count == 0)
        {
            return;
        }

        var leaving = finished.ToHashSet();
        active.RemoveAll(leaving.Contains);
        foreach (var row in finished)
        {
            row.Finish();
            conversations.Keep(row, row.MayContinue && row.WeightsVersion == model.Version);
            mayHoldNaN |= row.HasFailed;
        }

        foreach (var row in finished)
        {
            row.HandOver();
        }
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
