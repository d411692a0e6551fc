using System.Buffers;
using System.Numerics.Tensors;
using RlPrimitives.Models.Architectures;
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
        HostOperations.Rows(rows, width, (_, start, end) =>
        {
            var rented = ArrayPool<float>.Shared.Rent(width); // a real vocabulary's row would be a large object each time
            var weights = rented.AsSpan(0, width);
            for (var row = start; row < end; row++)
            {
                var values = new Span<float>(z + (row * width), width);
                if (scale != 1)
                {
                    TensorPrimitives.Multiply(values, scale, values);
                }

                TensorPrimitives.Subtract(values, TensorPrimitives.Max<float>(values), values);
                TensorPrimitives.Exp<float>(values, weights);
                var sum = TensorPrimitives.Sum<float>(weights);
                var logSum = MathF.Log(sum);
                if (h is not null)
                {
                    // A weight of 0 counts nothing, though its log-prob be −∞.
                    h[row] = logSum - (Expectation(weights, values) / sum);
                }

                TensorPrimitives.Subtract(values, logSum, values);
                to[row] = values[(int)ids[row]];
            }

            ArrayPool<float>.Shared.Return(rented);
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
        HostOperations.Rows(rows, width, (_, start, end) =>
        {
            var rented = e is null ? null : ArrayPool<float>.Shared.Rent(width);
            var slopes = rented.AsSpan(0, rented is null ? 0 : width);
            for (var row = start; row < end; row++)
            {
                var values = new Span<float>(lp + (row * width), width);
                if (rented is null)
                {
                    TensorPrimitives.Exp<float>(values, values);
                    TensorPrimitives.Multiply(values, -g[row] * scale, values);
                }
                else
                {
                    // −p·(e·(log p + H) + g); where p is 0 the gradient is, though log p be −∞.
                    TensorPrimitives.Max(values, -1000, slopes);
                    TensorPrimitives.Add(slopes, h[row], slopes);
                    TensorPrimitives.Multiply(slopes, e[row], slopes);
                    TensorPrimitives.Add(slopes, g[row], slopes);
                    TensorPrimitives.Exp<float>(values, values);
                    TensorPrimitives.Multiply(values, slopes, values);
                    TensorPrimitives.Multiply(values, -scale, values);
                }

                values[(int)ids[row]] += g[row] * scale;
            }

            if (rented is not null)
            {
                ArrayPool<float>.Shared.Return(rented);
            }
        });
    }

    private static float Expectation(ReadOnlySpan<float> weights, ReadOnlySpan<float> values)
    {
        var product = TensorPrimitives.Dot(weights, values);
        if (!float.IsNaN(product))
        {
            return product;
        }

        var sum = 0f;
        for (var i = 0; i < weights.Length; i++)
        {
            sum += weights[i] == 0 ? 0 : weights[i] * values[i];
        }

        return sum;
    }
}
