using System.Numerics.Tensors;
using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Backprop;

/// <summary>Log-probs, entropy and their gradient from float32 logits on the processor: each row once through its cache, in place.</summary>
/// <remarks>libtorch makes the same of nine operations that each read and write all logits.</remarks>
internal static unsafe class HostLogSoftmax
{
    /// <summary>z → log p = z/T − log Σ exp(z/T), in place.</summary>
    /// <param name="logits">z, contiguous [c, V].</param>
    /// <param name="targets">Ids in [0, V), int64 [c].</param>
    /// <param name="temperature">T</param>
    /// <param name="logProbs">Gets log p of each target, contiguous [c].</param>
    /// <param name="entropies">Gets H = −Σ p·log p, contiguous [c]; null where not wanted.</param>
    public static void Forward(Tensor logits, Tensor targets, double temperature, Tensor logProbs, Tensor? entropies)
    {
        var (rows, width) = (logits.size(0), (int)logits.size(1));
        float* z = HostOperations.DataOf(logits), to = HostOperations.DataOf(logProbs), h = entropies is null ? null : HostOperations.DataOf(entropies);
        var ids = HostOperations.IdsOf(targets);
        var scale = (float)(1 / temperature);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                var values = z + (row * width);
                var max = scale * TensorPrimitives.Max<float>(new ReadOnlySpan<float>(values, width));
                var (sum, product) = Lanes512.AreFast
                    ? Sums<Lanes512>(values, width, scale, max, withProduct: h is not null)
                    : Sums<Lanes>(values, width, scale, max, withProduct: h is not null);
                var logSum = MathF.Log(sum);
                if (h is not null)
                {
                    h[row] = logSum - (product / sum);
                }

                var done = Lanes512.AreFast ? Normalise<Lanes512>(values, 0, width, scale, max, logSum) : Normalise<Lanes>(values, 0, width, scale, max, logSum);
                Normalise<OneLane>(values, done, width, scale, max, logSum);
                to[row] = values[(int)ids[row]];
            }
        });
    }

    /// <summary>log p → ∂/∂z of Σ g·log p[target] + e·H, in place: (g·(onehot − p) − e·p·(log p + H)) / T.</summary>
    /// <param name="logProbs">log p, contiguous [c, V].</param>
    /// <param name="targets">Ids, int64 [c].</param>
    /// <param name="temperature">T</param>
    /// <param name="byLogProb">g, contiguous [c].</param>
    /// <param name="byEntropy">e, contiguous [c]; null for zeros.</param>
    /// <param name="entropies">H, contiguous [c]; needed with <paramref name="byEntropy"/>.</param>
    public static void Backward(Tensor logProbs, Tensor targets, double temperature, Tensor byLogProb, Tensor? byEntropy, Tensor? entropies)
    {
        var (rows, width) = (logProbs.size(0), (int)logProbs.size(1));
        float* lp = HostOperations.DataOf(logProbs), g = HostOperations.DataOf(byLogProb);
        float* e = byEntropy is null ? null : HostOperations.DataOf(byEntropy), h = byEntropy is null ? null : HostOperations.DataOf(entropies!);
        var ids = HostOperations.IdsOf(targets);
        var scale = (float)(1 / temperature);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                var values = lp + (row * width);
                // −p·(e·(log p + H) + g); where p is 0 the gradient is, though log p be −∞.
                float slope = e is null ? 0 : e[row], level = e is null ? g[row] : g[row] + (e[row] * h[row]);
                var done = Lanes512.AreFast ? Gradient<Lanes512>(values, 0, width, slope, level, -scale) : Gradient<Lanes>(values, 0, width, slope, level, -scale);
                Gradient<OneLane>(values, done, width, slope, level, -scale);
                values[(int)ids[row]] += g[row] * scale;
            }
        });
    }

    // x·scale − max − log Σ in place, from number i on, as many as fill registers; where that ends.
    private static int Normalise<T>(float* values, int i, int width, float scale, float max, float logSum)
        where T : struct, ILanes<T>
    {
        T scales = T.Spread(scale), shift = T.Spread(-max), logSums = T.Spread(logSum);
        for (; i <= width - T.Count; i += T.Count)
        {
            (T.MultiplyAdd(T.Load(values + i), scales, shift) - logSums).Store(values + i);
        }

        return i;
    }

    // p·(slope·log p + level)·scale, likewise.
    private static int Gradient<T>(float* logProbs, int i, int width, float slope, float level, float scale)
        where T : struct, ILanes<T>
    {
        T slopes = T.Spread(slope), levels = T.Spread(level), scales = T.Spread(scale);
        for (; i <= width - T.Count; i += T.Count)
        {
            var value = T.Load(logProbs + i);
            var factor = T.MultiplyAdd(T.Max(value, T.Spread(-1000)), slopes, levels);
            (HostOperations.Exp(value) * factor * scales).Store(logProbs + i);
        }

        return i;
    }

    // Σ w and Σ w·x with x = z/T − max and w = eˣ; a weight of 0 counts nothing, though its x be −∞.
    private static (float Sum, float Product) Sums<T>(float* values, int width, float scale, float max, bool withProduct)
        where T : struct, ILanes<T>
    {
        var i = 0;
        var (sum, product) = Sums<T>(values, ref i, width, scale, max, withProduct);
        var (rest, restProduct) = Sums<OneLane>(values, ref i, width, scale, max, withProduct);
        return (sum + rest, product + restProduct);
    }

    private static (float Sum, float Product) Sums<T>(float* values, ref int i, int width, float scale, float max, bool withProduct)
        where T : struct, ILanes<T>
    {
        T scales = T.Spread(scale), shift = T.Spread(-max), sums = default, products = default;
        for (; i <= width - T.Count; i += T.Count)
        {
            var x = T.MultiplyAdd(T.Load(values + i), scales, shift);
            var weight = HostOperations.Exp(x);
            sums += weight;
            if (withProduct)
            {
                products += T.WhereLess(T.Spread(0), weight, weight * x, T.Spread(0));
            }
        }

        return (T.Sum(sums), T.Sum(products));
    }
}
