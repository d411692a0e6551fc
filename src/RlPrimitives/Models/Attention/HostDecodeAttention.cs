using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Attention;

/// <summary>One new token for each slot against the cache, float32 on the processor, over the cache's memory itself.</summary>
/// <remarks>
/// One query a head is too little for libtorch's kernel, whose matrix products degenerate to one row. Here each slot reads its own keys
/// only, whatever the longest one is, in one pass for all heads; no mask, no index, no copies.
/// </remarks>
/// <param name="config">The model's shape.</param>
/// <param name="cache">The cache.</param>
/// <param name="slots">The slots, [n].</param>
/// <param name="positions">Position of each slot's new token, [n].</param>
internal sealed unsafe class HostDecodeAttention(ModelConfig config, KeyValueCache cache, int[] slots, int[] positions) : IAttention
{
    // Multiply-adds of a layer from which several threads pay: some ten microseconds of work.
    private const long WorthThreads = 64 << 10;
    private const int TokensAtOnce = 16;

    private readonly int hd = config.HeadDimension;
    private readonly int keyStride = config.KeyValueHeads * config.HeadDimension;
    private readonly int queriesPerKey = config.Heads / config.KeyValueHeads;
    private readonly float scale = 1 / MathF.Sqrt(config.HeadDimension);

    /// <summary>Whether this way of attending is possible.</summary>
    public static bool Fits(Device device, ScalarType type) => device.type == DeviceType.CPU && type == ScalarType.Float32;

    public Tensor Attend(int layer, Tensor heads)
    {
        using var rows = new HeadRows(heads);
        var result = empty(positions.Length, config.Heads * hd);  // [n, H·hd]
        var to = HostOperations.DataOf(result);
        var (keyMemory, valueMemory) = cache.Layer(layer);
        float* keys = (float*)keyMemory, values = (float*)valueMemory;
        var window = config.IsSliding(layer) ? config.SlidingWindow!.Value : int.MaxValue;
        var isWorthThreads = positions.Sum(p => (long)p + 1) * config.Heads * hd * 2 >= WorthThreads;
        ComputeTeam.For(positions.Length, isWorthThreads ? get_num_threads() : 1, Row);
        return result;

        void Row(int row)
        {
            var start = (long)slots[row] * cache.Capacity * keyStride;
            var position = positions[row];
            Span<float> key = new(keys + start + ((long)position * keyStride), keyStride), value = new(values + start + ((long)position * keyStride), keyStride);
            new ReadOnlySpan<float>(rows.At(row, config.Heads), keyStride).CopyTo(key);
            new ReadOnlySpan<float>(rows.At(row, config.Heads + config.KeyValueHeads), keyStride).CopyTo(value);
            var from = Math.Max(0, position + 1 - (long)window);
            Rows(
                rows.At(row, 0), keys + start + (from * keyStride), values + start + (from * keyStride), (int)(position + 1 - from),
                to + ((long)row * config.Heads * hd));
        }
    }

    /// <summary>softmax(q·Kᵀ/√hd)·V of one slot: H queries, <paramref name="count"/> keys.</summary>
    private void Rows(float* query, float* keys, float* values, int count, float* to)
    {
        var line = (count + Vector<float>.Count - 1) / Vector<float>.Count * Vector<float>.Count;
        var rented = ArrayPool<float>.Shared.Rent(config.Heads * line);
        fixed (float* weights = rented)  // [H, line], of a line the first count
        {
            if (Lanes512.AreFast && hd % Lanes512.Count == 0)
            {
                Rows<Lanes512>(query, keys, values, count, weights, line, to);
            }
            else
            {
                Rows<Lanes>(query, keys, values, count, weights, line, to);
            }
        }

        ArrayPool<float>.Shared.Return(rented);
    }

    private void Rows<T>(float* query, float* keys, float* values, int count, float* weights, int line, float* to)
        where T : struct, ILanes<T>
    {
        Scores<T>(query, keys, count, weights, line);
        Softmax(weights, count, line);
        Mix<T>(weights, line, values, count, to);
    }

    /// <summary>Scaled products of every query with every key, four keys at a time; the keys are read once, from first to last, as memory likes it.</summary>
    private void Scores<T>(float* query, float* keys, int count, float* scores, int line)
        where T : struct, ILanes<T>
    {
        for (var t = 0; t < count; t += 4, keys += 4 * keyStride)
        {
            // The last ones again in place of keys that are not there.
            nint second = t + 1 < count ? keyStride : 0, third = t + 2 < count ? 2 * keyStride : second, fourth = t + 3 < count ? 3 * keyStride : third;
            for (var head = 0; head < config.Heads; head++)
            {
                float* q = query + (head * hd), k = keys + (head / queriesPerKey * hd);
                T a = default, b = default, c = default, d = default;
                var i = 0;
                for (; i <= hd - T.Count; i += T.Count)
                {
                    var part = T.Load(q + i);
                    a = T.MultiplyAdd(part, T.Load(k + i), a);
                    b = T.MultiplyAdd(part, T.Load(k + second + i), b);
                    c = T.MultiplyAdd(part, T.Load(k + third + i), c);
                    d = T.MultiplyAdd(part, T.Load(k + fourth + i), d);
                }

                var sums = T.Sums(a, b, c, d);
                for (; i < hd; i++)
                {
                    sums += q[i] * Vector128.Create(k[i], k[second + i], k[third + i], k[fourth + i]);
                }

                sums *= scale;
                var to = scores + (head * line) + t;
                for (var j = 0; j < Math.Min(4, count - t); j++)
                {
                    to[j] = sums[j];
                }
            }
        }
    }

    /// <summary>Of each head's scores, in place; 0 in what a line has beyond them.</summary>
    private void Softmax(float* scores, int count, int line)
    {
        for (var head = 0; head < config.Heads; head++, scores += line)
        {
            var row = new Span<float>(scores, line);
            row[count..].Fill(float.NegativeInfinity);
            Vector<float> sum = default, max = new(TensorPrimitives.Max<float>(row));
            for (var i = 0; i < line; i += Vector<float>.Count)
            {
                var weight = HostOperations.Exp(Vector.Load(scores + i) - max);
                weight.Store(scores + i);
                sum += weight;
            }

            TensorPrimitives.Multiply(row, 1 / Vector.Sum(sum), row);
        }
    }

    /// <summary>Sums of the values by those weights, into [H, hd]: a few tokens at a time for all heads, so that these lie in the first cache.</summary>
    private void Mix<T>(float* weights, int line, float* values, int count, float* to)
        where T : struct, ILanes<T>
    {
        new Span<float>(to, config.Heads * hd).Clear();
        for (var t = 0; t < count; t += TokensAtOnce, values += TokensAtOnce * keyStride)
        {
            var tokens = Math.Min(TokensAtOnce, count - t);
            for (var head = 0; head < config.Heads; head++)
            {
                float* sum = to + (head * hd), v = values + (head / queriesPerKey * hd), w = weights + (head * line) + t;
                var i = 0;
                for (; i <= hd - (4 * T.Count); i += 4 * T.Count)
                {
                    MixFour<T>(w, v + i, tokens, sum + i);
                }

                for (; i <= hd - T.Count; i += T.Count)
                {
                    var mixed = T.Load(sum + i);
                    for (var j = 0; j < tokens; j++)
                    {
                        mixed = T.MultiplyAdd(T.Spread(w[j]), T.Load(v + (j * keyStride) + i), mixed);
                    }

                    mixed.Store(sum + i);
                }

                for (; i < hd; i++)
                {
                    for (var j = 0; j < tokens; j++)
                    {
                        sum[i] += w[j] * v[(j * keyStride) + i];
                    }
                }
            }
        }
    }

    private void MixFour<T>(float* weights, float* values, int tokens, float* sum)
        where T : struct, ILanes<T>
    {
        T a = T.Load(sum), b = T.Load(sum + T.Count), c = T.Load(sum + (2 * T.Count)), d = T.Load(sum + (3 * T.Count));
        for (var j = 0; j < tokens; j++, values += keyStride)
        {
            var weight = T.Spread(weights[j]);
            a = T.MultiplyAdd(weight, T.Load(values), a);
            b = T.MultiplyAdd(weight, T.Load(values + T.Count), b);
            c = T.MultiplyAdd(weight, T.Load(values + (2 * T.Count)), c);
            d = T.MultiplyAdd(weight, T.Load(values + (3 * T.Count)), d);
        }

        a.Store(sum);
        b.Store(sum + T.Count);
        c.Store(sum + (2 * T.Count));
        d.Store(sum + (3 * T.Count));
    }
}
