using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
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
        var rented = ArrayPool<float>.Shared.Rent(config.Heads * count);
        fixed (float* weights = rented)  // [H, count]
        {
            Scores(query, keys, count, weights);
            for (var head = 0; head < config.Heads; head++)
            {
                var row = new Span<float>(weights + (head * count), count);
                TensorPrimitives.Subtract(row, TensorPrimitives.Max<float>(row), row);
                TensorPrimitives.Exp<float>(row, row);
                TensorPrimitives.Divide(row, TensorPrimitives.Sum<float>(row), row);
            }

            Mix(weights, values, count, to);
        }

        ArrayPool<float>.Shared.Return(rented);
    }

    /// <summary>Scaled products of every query with every key, [H, count]; the keys are read once, from first to last, as memory likes it.</summary>
    private void Scores(float* query, float* keys, int count, float* scores)
    {
        var width = Vector<float>.Count;
        for (var t = 0; t < count; t++, keys += keyStride)
        {
            for (var head = 0; head < config.Heads; head++)
            {
                float* q = query + (head * hd), k = keys + (head / queriesPerKey * hd);
                Vector<float> even = default, odd = default;
                var d = 0;
                for (; d <= hd - (2 * width); d += 2 * width)
                {
                    even = Vector.FusedMultiplyAdd(Vector.Load(q + d), Vector.Load(k + d), even);
                    odd = Vector.FusedMultiplyAdd(Vector.Load(q + d + width), Vector.Load(k + d + width), odd);
                }

                var product = Vector.Sum(even + odd);
                for (; d < hd; d++)
                {
                    product += q[d] * k[d];
                }

                scores[(head * count) + t] = product * scale;
            }
        }
    }

    /// <summary>Sums of the values weighted by [H, count], into [H, hd]; four tokens at a time, so that the sums are stored a quarter as often.</summary>
    private void Mix(float* weights, float* values, int count, float* to)
    {
        new Span<float>(to, config.Heads * hd).Clear();
        var width = Vector<float>.Count;
        var t = 0;
        for (; t <= count - 4; t += 4, values += 4 * keyStride)
        {
            for (var head = 0; head < config.Heads; head++)
            {
                float* sum = to + (head * hd), v = values + (head / queriesPerKey * hd), w = weights + (head * count) + t;
                Vector<float> w0 = new(w[0]), w1 = new(w[1]), w2 = new(w[2]), w3 = new(w[3]);
                var d = 0;
                for (; d <= hd - width; d += width)
                {
                    var x = Vector.FusedMultiplyAdd(w0, Vector.Load(v + d), Vector.Load(sum + d));
                    var y = w1 * Vector.Load(v + keyStride + d);
                    x = Vector.FusedMultiplyAdd(w2, Vector.Load(v + (2 * keyStride) + d), x);
                    y = Vector.FusedMultiplyAdd(w3, Vector.Load(v + (3 * keyStride) + d), y);
                    (x + y).Store(sum + d);
                }

                for (; d < hd; d++)
                {
                    sum[d] += (w[0] * v[d]) + (w[1] * v[keyStride + d]) + (w[2] * v[(2 * keyStride) + d]) + (w[3] * v[(3 * keyStride) + d]);
                }
            }
        }

        for (; t < count; t++, values += keyStride)
        {
            for (var head = 0; head < config.Heads; head++)
            {
                var sum = new Span<float>(to + (head * hd), hd);
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(values + (head / queriesPerKey * hd), hd), weights[(head * count) + t], sum, sum);
            }
        }
    }
}
