using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using RlPrimitives.Models.Architectures;

namespace RlPrimitives.Models.Attention;

/// <summary>Some queries of one row and the keys they see, of one key head: what a thread computes by itself, in memory that its caches hold.</summary>
/// <remarks>Keys are counted from the first that any of the queries sees. Operands are copied side by side and filled up with zeros to whole tiles.</remarks>
internal sealed unsafe class CausalPiece : IDisposable
{
    private const int QueriesAtOnce = 22 * RegisterTile.Rows; // of a backward pass: their scores with some hundred keys fit a core's own cache

    private readonly long offset;
    private readonly int from, to, window, firstKey, keys, width, keyHead, valueHead;
    private readonly int wide; // hd in whole tiles
    private readonly int line; // keys in whole tiles
    private readonly float scale;
    private readonly float[] rented;
    private readonly GCHandle pin;
    private readonly float* keyRows, keyColumns, valueRows, valueColumns; // [keys, wide], [hd, line]
    private readonly float* queries, byOutput; // [queries, wide]
    private readonly float* weights, byScore; // [queries, line]
    private readonly float* mixed; // [6, wide]
    private readonly float* byKey, byValue; // [keys in whole tiles, wide]

    /// <param name="rows">All heads.</param>
    /// <param name="keyHead">The keys' head among them.</param>
    /// <param name="valueHead">The values' head.</param>
    /// <param name="offset">The row's first token among all.</param>
    /// <param name="from">The first query, counted in the row; a multiple of <see cref="RegisterTile.Rows"/>.</param>
    /// <param name="to">The query after the last.</param>
    /// <param name="window">Tokens that a query sees at most.</param>
    /// <param name="withGradients">Whether <see cref="Backward"/> follows, and not <see cref="Forward"/>.</param>
    public CausalPiece(HeadRows rows, int keyHead, int valueHead, long offset, int from, int to, int window, bool withGradients)
    {
        (this.offset, this.from, this.to, this.window) = (offset, from, to, window);
        (this.keyHead, this.valueHead) = (keyHead, valueHead);
        firstKey = FirstKey(from, window);
        keys = to - firstKey;
        width = rows.Width;
        scale = 1 / MathF.Sqrt(width);
        wide = RegisterTile.WholeColumns(width);
        var wholeKeys = RegisterTile.WholeRows(keys);
        line = RegisterTile.WholeColumns(wholeKeys);
        var queriesHeld = withGradients ? Math.Min(QueriesAtOnce, RegisterTile.WholeRows(to - from)) : RegisterTile.Rows;
        int aKey = wide * wholeKeys, aColumn = line * width, aQuery = wide * queriesHeld, aScore = line * queriesHeld;
        var count = withGradients ? (3 * aKey) + (2 * aColumn) + (2 * aQuery) + (2 * aScore) : aKey + aColumn + aQuery + aScore;
        rented = ArrayPool<float>.Shared.Rent(count + (wide * RegisterTile.Rows) + 16);
        pin = GCHandle.Alloc(rented, GCHandleType.Pinned);
        var next = (float*)(((nint)pin.AddrOfPinnedObject() + 63) & ~63);
        keyColumns = Take(aColumn);
        queries = Take(aQuery);
        weights = Take(aScore);
        mixed = Take(wide * RegisterTile.Rows);
        if (withGradients)
        {
            valueColumns = Take(aColumn);
            keyRows = Take(aKey);
            byOutput = Take(aQuery);
            byScore = Take(aScore);
            byKey = Take(aKey);
            byValue = Take(aKey);
            new Span<float>(byKey, aKey).Clear();
            new Span<float>(byValue, aKey).Clear();
            Copy(rows.At(offset + firstKey, keyHead), rows.Stride, keys, keyRows);
            Transpose(rows.At(offset + firstKey, valueHead), rows.Stride, valueColumns);
        }
        else
        {
            valueRows = Take(aKey);
            Copy(rows.At(offset + firstKey, valueHead), rows.Stride, keys, valueRows);
        }

        Transpose(rows.At(offset + firstKey, keyHead), rows.Stride, keyColumns);

        float* Take(int numbers)
        {
            var taken = next;
            next += numbers;
            return taken;
        }
    }

    /// <summary>The first key that query <paramref name="from"/> sees, or one a little before it: a whole number of tiles' rows.</summary>
    private static int FirstKey(int from, int window) => (int)(Math.Max(0, from + 1 - (long)window) / RegisterTile.Rows * RegisterTile.Rows);

    /// <summary>softmax(q·Kᵀ/√hd)·V of a query head.</summary>
    /// <param name="rows">All heads.</param>
    /// <param name="head">The queries' head, of H.</param>
    /// <param name="result">Gets the result, [N, H, hd].</param>
    /// <param name="logSums">Gets the logarithm of each query's sum of exponentials, [N, H].</param>
    public void Forward(HeadRows rows, int head, HeadRows result, float[] logSums)
    {
        var sums = stackalloc float[RegisterTile.Rows];
        for (var at = from; at < to; at += RegisterTile.Rows)
        {
            var present = Math.Min(RegisterTile.Rows, to - at);
            TakeQueries(rows, head, at, present, queries);
            var (start, end) = KeysOf(at);
            RegisterTile.Multiply(queries, wide, 1, keyColumns + start, line, width, weights + start, line, end - start, add: false);
            for (var i = 0; i < RegisterTile.Rows; i++)
            {
                var (first, past) = Seen(at + i);
                (sums[i], var max) = Softmax(weights + (i * line), start, end, first, past);
                if (i < present)
                {
                    logSums[((offset + at + i) * result.Heads) + head] = max + MathF.Log(sums[i]);
                }
            }

            var steps = Math.Min(end, keys) - start;
            RegisterTile.Multiply(weights + start, line, 1, valueRows + (start * wide), wide, steps, mixed, wide, wide, add: false);
            for (var i = 0; i < present; i++)
            {
                TensorPrimitives.Multiply(
                    new ReadOnlySpan<float>(mixed + (i * wide), width), 1 / sums[i], new Span<float>(result.At(offset + at + i, head), width));
            }
        }
    }

    /// <summary>Gradients of a query head; those by keys and values are added up in here.</summary>
    /// <param name="rows">All heads.</param>
    /// <param name="gradient">By the result, [N, H, hd].</param>
    /// <param name="head">The queries' head, of H.</param>
    /// <param name="logSums">What <see cref="Forward"/> gave.</param>
    /// <param name="byRows">Gets the gradient by the queries, in their place.</param>
    public void Backward(HeadRows rows, HeadRows gradient, int head, float[] logSums, HeadRows byRows)
    {
        for (var block = from; block < to; block += QueriesAtOnce)
        {
            var blockEnd = Math.Min(to, block + QueriesAtOnce);
            TakeQueries(rows, head, block, blockEnd - block, queries);
            TakeQueries(gradient, head, block, blockEnd - block, byOutput);
            for (var at = block; at < blockEnd; at += RegisterTile.Rows)
            {
                var present = Math.Min(RegisterTile.Rows, to - at);
                var (start, end) = KeysOf(at);
                float* q = queries + ((at - block) * wide), dy = byOutput + ((at - block) * wide);
                float* p = weights + ((at - block) * line), ds = byScore + ((at - block) * line);
                RegisterTile.Multiply(q, wide, 1, keyColumns + start, line, width, p + start, line, end - start, add: false);
                RegisterTile.Multiply(dy, wide, 1, valueColumns + start, line, width, ds + start, line, end - start, add: false);
                for (var i = 0; i < RegisterTile.Rows; i++)
                {
                    var (first, past) = Seen(at + i);
                    var logSum = i < present ? logSums[((offset + at + i) * gradient.Heads) + head] : 0;
                    ByScore(p + (i * line), ds + (i * line), start, end, first, past, logSum);
                }

                var steps = Math.Min(end, keys) - start;
                RegisterTile.Multiply(ds + start, line, 1, keyRows + (start * wide), wide, steps, mixed, wide, wide, add: false);
                for (var i = 0; i < present; i++)
                {
                    new ReadOnlySpan<float>(mixed + (i * wide), width).CopyTo(new Span<float>(byRows.At(offset + at + i, head), width));
                }
            }

            for (var key = FirstKey(block, window) - firstKey; key < blockEnd - firstKey; key += RegisterTile.Rows)
            {
                // The queries that see any of these six keys.
                var start = Math.Max(block, key + firstKey);
                var steps = (int)Math.Min(blockEnd, key + firstKey + RegisterTile.Rows - 1 + (long)window) - start;
                var row = (start - block) * line;
                RegisterTile.Multiply(weights + row + key, 1, line, byOutput + ((start - block) * wide), wide, steps, byValue + (key * wide), wide, wide, add: true);
                RegisterTile.Multiply(byScore + row + key, 1, line, queries + ((start - block) * wide), wide, steps, byKey + (key * wide), wide, wide, add: true);
            }
        }
    }

    /// <summary>The gradients by the keys and values, once all query heads are done.</summary>
    /// <param name="byRows">Gets them in the places of the keys and values.</param>
    public void WriteKeyGradients(HeadRows byRows)
    {
        for (var i = 0; i < keys; i++)
        {
            var token = offset + firstKey + i;
            new ReadOnlySpan<float>(byKey + (i * wide), width).CopyTo(new Span<float>(byRows.At(token, keyHead), width));
            new ReadOnlySpan<float>(byValue + (i * wide), width).CopyTo(new Span<float>(byRows.At(token, valueHead), width));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        pin.Free();
        ArrayPool<float>.Shared.Return(rented);
    }

    // Keys that any query of a tile sees, in whole tiles; and before them as many as a tile of keys may reach back.
    private (int Start, int End) KeysOf(int at)
    {
        var start = (int)Math.Max(0, at + 1 - (long)window - (RegisterTile.Rows - 1) - firstKey);
        return (start / RegisterTile.Columns * RegisterTile.Columns, RegisterTile.WholeColumns(at + RegisterTile.Rows - firstKey));
    }

    // Keys that a query sees; one that only fills a tile sees what the last one does.
    private (int First, int Past) Seen(int query)
    {
        var last = Math.Min(query, to - 1);
        return ((int)Math.Max(0, last + 1 - (long)window - firstKey), last + 1 - firstKey);
    }

    private void TakeQueries(HeadRows source, int head, int at, int count, float* to)
    {
        Copy(source.At(offset + at, head), source.Stride, count, to);
        new Span<float>(to + (count * wide), (RegisterTile.WholeRows(count) - count) * wide).Clear();
    }

    private void Copy(float* source, long stride, int count, float* to)
    {
        for (var i = 0; i < count; i++, source += stride, to += wide)
        {
            new ReadOnlySpan<float>(source, width).CopyTo(new Span<float>(to, width));
            new Span<float>(to + width, wide - width).Clear();
        }
    }

    private void Transpose(float* source, long stride, float* to)
    {
        Transposition.Copy(source, stride, to, line, keys, width);
        for (var i = 0; i < width; i++)
        {
            new Span<float>(to + (i * line) + keys, line - keys).Clear();
        }
    }

    // Scores to exponentials, 0 where nothing is seen: their sum, and the largest score.
    private (float Sum, float Max) Softmax(float* scores, int start, int end, int first, int past)
    {
        var size = Vector<float>.Count;
        var places = Vector<int>.Indices + new Vector<int>(start);
        Vector<float> largest = new(float.NegativeInfinity), sum = default;
        for (int i = start; i < end; i += size, places += new Vector<int>(size))
        {
            var score = Vector.ConditionalSelect(Within(places, first, past), Vector.Load(scores + i) * scale, new Vector<float>(float.NegativeInfinity));
            score.Store(scores + i);
            largest = Vector.Max(largest, score);
        }

        var max = float.NegativeInfinity;
        for (var i = 0; i < size; i++)
        {
            max = MathF.Max(max, largest[i]);
        }

        for (var i = start; i < end; i += size)
        {
            var weight = HostOperations.Exp(Vector.Load(scores + i) - new Vector<float>(max));
            weight.Store(scores + i);
            sum += weight;
        }

        return (Vector.Sum(sum), max);
    }

    // Scores to weights p, and gradients by the weights to those by the scores: p·(g − Σ p·g)/√hd.
    private void ByScore(float* weights, float* gradients, int start, int end, int first, int past, float logSum)
    {
        var size = Vector<float>.Count;
        var places = Vector<int>.Indices + new Vector<int>(start);
        Vector<float> products = default;
        for (int i = start; i < end; i += size, places += new Vector<int>(size))
        {
            var weight = Vector.ConditionalSelect(
                Within(places, first, past), HostOperations.Exp((Vector.Load(weights + i) * scale) - new Vector<float>(logSum)), Vector<float>.Zero);
            weight.Store(weights + i);
            products = Vector.FusedMultiplyAdd(weight, Vector.Load(gradients + i), products);
        }

        var mean = new Vector<float>(Vector.Sum(products));
        for (var i = start; i < end; i += size)
        {
            (Vector.Load(weights + i) * (Vector.Load(gradients + i) - mean) * scale).Store(gradients + i);
        }
    }

    private static Vector<float> Within(Vector<int> places, int first, int past) => Vector.AsVectorSingle(
        Vector.GreaterThanOrEqual(places, new Vector<int>(first)) & Vector.LessThan(places, new Vector<int>(past)));
}
