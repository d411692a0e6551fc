using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;

namespace RlPrimitives.Inference;

/// <summary>
/// Draws a token from logits, over spans on the processor. The distribution is that of Hugging Face transformers' logits
/// processors in the order of <see cref="SamplingOptions"/>: repetition penalty, temperature, top-k, top-p, min-p.
/// </summary>
internal static class Sampler
{
    /// <summary>Draws one token by inverting the cumulative distribution in index order.</summary>
    /// <param name="logits">[V], scratch: left filtered.</param>
    /// <param name="options">Which distribution.</param>
    /// <param name="previousIds">Prompt and response so far, for the repetition penalty; repeats count once.</param>
    /// <param name="uniform">In [0, 1). Not looked at when greedy.</param>
    /// <returns>The token and its log-prob, in nats, of the distribution it was drawn from (greedy: of temperature 1, unfiltered).</returns>
    /// <exception cref="InvalidOperationException">A logit is NaN or +∞, or all are −∞.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A previous id is outside the vocabulary, or the uniform number outside [0, 1).</exception>
    public static (int Id, float LogProb) Sample(
        Span<float> logits, SamplingOptions options, ReadOnlySpan<int> previousIds, double uniform)
    {
        if (uniform is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(uniform), uniform, "The uniform number must be in [0, 1).");
        }

        var max = Filter(logits, options, previousIds);
        if (options.Temperature == 0)
        {
            var best = logits.IndexOf(max);
            return (best, (float)-LogSum(logits, max));
        }

        // One sweep in blocks that stay in the first-level cache: exp, and the sum of each block, so that the search below walks
        // blocks and then looks inside only one.
        var size = BlockSize(logits.Length);
        Span<double> sums = stackalloc double[(logits.Length + size - 1) / size];
        Span<float> scratch = stackalloc float[size];
        var total = 0.0;
        for (var b = 0; b < sums.Length; b++)
        {
            sums[b] = TensorPrimitives.Sum<float>(Exp(Block(logits, b, size), max, scratch));
            total += sums[b];
        }

        var rest = uniform * total;
        var chosenBlock = 0;
        for (var b = 0; b < sums.Length; b++)
        {
            if (sums[b] > 0)
            {
                chosenBlock = b; // the last one with any mass catches rounding at uniform → 1
                if (rest < sums[b])
                {
                    break;
                }

                rest -= sums[b];
            }
        }

        var weights = Exp(Block(logits, chosenBlock, size), max, scratch);
        var chosen = 0;
        var cumulative = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] > 0)
            {
                chosen = i;
                cumulative += weights[i];
                if (rest < cumulative)
                {
                    break;
                }
            }
        }

        chosen += chosenBlock * size;
        return (chosen, (float)((double)logits[chosen] - max - Math.Log(total)));
    }

    /// <summary>The log-prob, in nats, of a token under the distribution that <see cref="Sample"/> draws from; −∞ where filtered out.</summary>
    /// <param name="logits">[V], scratch: left filtered.</param>
    /// <param name="options">Which distribution.</param>
    /// <param name="previousIds">Prompt and response so far.</param>
    /// <param name="id">The token in question.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +∞, or all are −∞.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An id is outside the vocabulary.</exception>
    public static float LogProb(Span<float> logits, SamplingOptions options, ReadOnlySpan<int> previousIds, int id)
    {
        CheckId(id, logits.Length, nameof(id));
        var max = Filter(logits, options, previousIds);
        return (float)((double)logits[id] - max - LogSum(logits, max));
    }

    /// <summary>Every token that <see cref="Sample"/> may draw and its log-prob, the most likely first, equally likely ones by index; at temperature 0 the one that is drawn.</summary>
    /// <param name="logits">[V], left as they are.</param>
    /// <param name="options">Which distribution.</param>
    /// <param name="previousIds">Prompt and response so far.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +∞, or all are −∞.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A previous id is outside the vocabulary.</exception>
    public static (int Id, float LogProb)[] Candidates(ReadOnlySpan<float> logits, SamplingOptions options, ReadOnlySpan<int> previousIds)
    {
        var kept = logits.ToArray();
        var max = Filter(kept, options, previousIds);
        var norm = max + LogSum(kept, max);
        IEnumerable<int> ids = options.Temperature == 0 ? [Array.IndexOf(kept, max)] : Enumerable.Range(0, kept.Length).Where(i => !float.IsNegativeInfinity(kept[i]));
        return [.. ids.OrderByDescending(i => kept[i]).Select(i => (i, (float)(kept[i] - norm)))];
    }

    /// <summary>Turns logits into those of the distribution sampled from, −∞ where removed. Temperature 0 leaves the penalised logits.</summary>
    /// <param name="logits">[V], overwritten.</param>
    /// <param name="options">Which distribution.</param>
    /// <param name="previousIds">Prompt and response so far.</param>
    /// <exception cref="InvalidOperationException">A logit is NaN or +∞, or all are −∞.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A previous id is outside the vocabulary.</exception>
    public static void Process(Span<float> logits, SamplingOptions options, ReadOnlySpan<int> previousIds) =>
        Filter(logits, options, previousIds);

    /// <summary><see cref="Process"/>, returning the largest logit.</summary>
    private static float Filter(Span<float> logits, SamplingOptions options, ReadOnlySpan<int> previousIds)
    {
        if (options.RepetitionPenalty != 1)
        {
            Penalise(logits, options.RepetitionPenalty, previousIds);
        }

        if (options.Temperature is not (0 or 1))
        {
            TensorPrimitives.Divide(logits, options.Temperature, logits);
        }

        var max = Max(logits);
        if (options.Temperature == 0)
        {
            return max;
        }

        if (options.TopK > 0 && options.TopK < logits.Length)
        {
            Remove(logits, below: KthLargest(logits, options.TopK));
        }

        if (options.TopP < 1)
        {
            KeepNucleus(logits, options.TopP, max);
        }

        if (options.MinP > 0)
        {
            // pᵢ < m·p_max ⇔ xᵢ < x_max + ln m
            Remove(logits, below: max + MathF.Log(options.MinP));
        }

        return max;
    }

    /// <summary>x ← x/penalty where x ≥ 0, x·penalty where x &lt; 0, once for every distinct previous id.</summary>
    private static void Penalise(Span<float> logits, float penalty, ReadOnlySpan<int> previousIds)
    {
        var seen = ArrayPool<bool>.Shared.Rent(logits.Length);
        try
        {
            seen.AsSpan(0, logits.Length).Clear();
            foreach (var id in previousIds)
            {
                CheckId(id, logits.Length, nameof(previousIds));
                if (!seen[id])
                {
                    seen[id] = true;
                    logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
                }
            }
        }
        finally
        {
            ArrayPool<bool>.Shared.Return(seen);
        }
    }

    private static float Max(ReadOnlySpan<float> logits)
    {
        if (logits.IsEmpty)
        {
            throw new InvalidOperationException("There are no logits to sample from: the vocabulary is empty.");
        }

        var max = TensorPrimitives.Max(logits); // NaN if any is NaN
        if (float.IsFinite(max))
        {
            return max;
        }

        if (float.IsNegativeInfinity(max))
        {
            throw new InvalidOperationException($"All {logits.Length} logits are -infinity: there is no token left to sample.");
        }

        var (name, at) = ("NaN", 0);
        if (float.IsPositiveInfinity(max))
        {
            (name, at) = ("+infinity", logits.IndexOf(max));
        }
        else
        {
            while (!float.IsNaN(logits[at]))
            {
                at++;
            }
        }

        throw new InvalidOperationException(
            $"The logit of token {at} is {name} (after repetition penalty and temperature): the model or the temperature is out of range.");
    }

    private static void Remove(Span<float> logits, float below)
    {
        var i = 0;
        for (var removed = new Vector<float>(float.NegativeInfinity); i <= logits.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var x = new Vector<float>(logits[i..]);
            Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(below)), removed, x).CopyTo(logits[i..]);
        }

        for (; i < logits.Length; i++)
        {
            logits[i] = logits[i] < below ? float.NegativeInfinity : logits[i];
        }
    }

    /// <summary>The k-th largest value, 1 ≤ k ≤ V, by a heap of the k largest seen (its root, the smallest of them, first).</summary>
    private static float KthLargest(ReadOnlySpan<float> values, int k)
    {
        var rented = ArrayPool<float>.Shared.Rent(k);
        var heap = rented.AsSpan(0, k);
        values[..k].CopyTo(heap);
        for (var i = (k / 2) - 1; i >= 0; i--)
        {
            SiftDown(heap, i);
        }

        const int chunk = 256; // most hold nothing larger than the root: one vectorised look tells
        for (var rest = values[k..]; rest.Length > 0; rest = rest[Math.Min(chunk, rest.Length)..])
        {
            var some = rest[..Math.Min(chunk, rest.Length)];
            if (TensorPrimitives.Max(some) > heap[0])
            {
                foreach (var value in some)
                {
                    if (value > heap[0])
                    {
                        heap[0] = value;
                        SiftDown(heap, 0);
                    }
                }
            }
        }

        var kth = heap[0];
        ArrayPool<float>.Shared.Return(rented);
        return kth;
    }

    private static void SiftDown(Span<float> heap, int at)
    {
        var value = heap[at];
        while (true)
        {
            var child = (2 * at) + 1;
            if (child >= heap.Length)
            {
                break;
            }

            if (child + 1 < heap.Length && heap[child + 1] < heap[child])
            {
                child++;
            }

            if (heap[child] >= value)
            {
                break;
            }

            heap[at] = heap[child];
            at = child;
        }

        heap[at] = value;
    }

    /// <summary>
    /// Keeps token i when the mass of the tokens before it, in falling order, is below p; of equally likely tokens at the border those
    /// with the lowest index stay, as greedy does (in transformers their order is that of an unstable sort). One sweep adds up the mass
    /// in buckets, 32 to each halving of the probability, and only the bucket on the border is sorted.
    /// </summary>
    private static void KeepNucleus(Span<float> logits, float p, float max)
    {
        var rentedWeights = ArrayPool<float>.Shared.Rent(logits.Length);
        var weights = Exp(logits, max, rentedWeights); // relative to the most likely token, whose weight is 1
        Span<double> masses = stackalloc double[4096];
        masses.Clear();
        foreach (var weight in weights)
        {
            if (weight > 0) // after a top-k nearly all are 0, and adding to one bucket over and over is slow
            {
                masses[BucketOf(weight)] += weight;
            }
        }

        // "0.8" of 20 equal tokens is 16, whatever 0.8f rounds to.
        var wanted = p * TensorPrimitives.Sum<double>(masses) * (1 - 1e-7);
        var before = 0.0;
        var border = masses.Length - 1;
        while (border > 0 && before + masses[border] < wanted)
        {
            before += masses[border--];
        }

        var ids = ArrayPool<int>.Shared.Rent(logits.Length);
        var keys = ArrayPool<float>.Shared.Rent(logits.Length);
        var count = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            var bucket = BucketOf(weights[i]);
            if (bucket <= border)
            {
                if (bucket == border)
                {
                    ids[count] = i;
                    keys[count++] = -logits[i];
                }

                logits[i] = float.NegativeInfinity;
            }
        }

        SortStable(keys.AsSpan(0, count), ids.AsSpan(0, count));
        for (var i = 0; i < count && before < wanted; i++)
        {
            logits[ids[i]] = -keys[i];
            before += weights[ids[i]];
        }

        ArrayPool<float>.Shared.Return(rentedWeights);
        ArrayPool<int>.Shared.Return(ids);
        ArrayPool<float>.Shared.Return(keys);
    }

    /// <summary>Exponent and five bits of mantissa: rises with a weight in [0, 1], up to 4064.</summary>
    private static int BucketOf(float weight) => BitConverter.SingleToInt32Bits(weight) >> 18;

    /// <summary>Ascending by key, and by id where keys are equal.</summary>
    private static void SortStable(Span<float> keys, Span<int> ids)
    {
        keys.Sort(ids);
        for (int start = 0, end; start < keys.Length; start = end)
        {
            end = start + 1;
            while (end < keys.Length && keys[end] == keys[start])
            {
                end++;
            }

            if (end - start > 1)
            {
                ids[start..end].Sort();
            }
        }
    }

    /// <summary>ln Σ exp(x − max).</summary>
    private static double LogSum(ReadOnlySpan<float> logits, float max)
    {
        var total = 0.0;
        var size = BlockSize(logits.Length);
        Span<float> scratch = stackalloc float[size];
        for (var b = 0; b * size < logits.Length; b++)
        {
            total += TensorPrimitives.Sum<float>(Exp(Block(logits, b, size), max, scratch));
        }

        return Math.Log(total);
    }

    private static Span<float> Exp(ReadOnlySpan<float> block, float max, Span<float> result)
    {
        result = result[..block.Length];
        TensorPrimitives.Subtract(block, max, result);
        TensorPrimitives.Exp(result, result);
        return result;
    }

    /// <summary>4 KiB of floats, more where that would make over 512 blocks (their sums live on the stack).</summary>
    private static int BlockSize(int length) => Math.Max(1024, (length + 511) / 512);

    private static ReadOnlySpan<float> Block(ReadOnlySpan<float> values, int index, int size) =>
        values.Slice(index * size, Math.Min(size, values.Length - (index * size)));

    private static void CheckId(int id, int vocabulary, string name)
    {
        if ((uint)id >= (uint)vocabulary)
        {
            throw new ArgumentOutOfRangeException(name, id, $"Token id {id} is outside the vocabulary [0, {vocabulary}).");
        }
    }
}
