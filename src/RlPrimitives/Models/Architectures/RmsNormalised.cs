using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>RMSNorm for float32 on the processor: y = x·r·w with r = 1/√(mean(x²) + ε) of each row (Zhang and Sennrich 2019, arXiv:1910.07467).</summary>
internal static unsafe class RmsNormalised
{
    /// <summary>[…, D], [D] → […, D]</summary>
    public static Tensor Apply(Tensor x, Tensor weight, double epsilon) =>
        is_grad_enabled() && (x.requires_grad || weight.requires_grad) ? Function.apply(x, weight, epsilon) : Forward(x, weight, epsilon).Result;

    private static (Tensor Result, float[] Scales) Forward(Tensor x, Tensor weight, double epsilon)
    {
        using var input = x.contiguous();
        var result = empty_like(input);
        var width = (int)weight.size(0);
        var rows = input.numel() / width;
        var scales = new float[rows];
        float* from = HostOperations.DataOf(input), w = HostOperations.DataOf(weight), to = HostOperations.DataOf(result);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* values = from + (row * width), normal = to + (row * width);
                var r = (float)(1 / Math.Sqrt((SumOfSquares(values, width) / (double)width) + epsilon));
                scales[row] = r;
                var i = 0;
                for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
                {
                    (Vector.Load(values + i) * r * Vector.Load(w + i)).Store(normal + i);
                }

                for (; i < width; i++)
                {
                    normal[i] = values[i] * r * w[i];
                }
            }
        });
        return (result, scales);
    }

    // ∂/∂x = r·(g − x·r²·mean(g·x)) with g = dy·w;  ∂/∂w = Σ dy·x·r
    private static (Tensor Input, Tensor Weight) Backward(Tensor x, Tensor weight, float[] scales, Tensor gradient)
    {
        using Tensor input = x.contiguous(), by = gradient.contiguous();
        var byInput = empty_like(input);
        var width = (int)weight.size(0);
        float* from = HostOperations.DataOf(input), w = HostOperations.DataOf(weight), d = HostOperations.DataOf(by), to = HostOperations.DataOf(byInput);
        var byWeight = HostOperations.SumRows(scales.Length, width, (total, start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* values = from + (row * width), dy = d + (row * width), dx = to + (row * width);
                var r = scales[row];
                var share = -r * r * SumOfProducts(dy, values, w, width) / width;
                var i = 0;
                for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
                {
                    Vector<float> x = Vector.Load(values + i), g = Vector.Load(dy + i);
                    Vector.FusedMultiplyAdd(g * x, new Vector<float>(r), Vector.Load(total + i)).Store(total + i);
                    (Vector.FusedMultiplyAdd(x, new Vector<float>(share), g * Vector.Load(w + i)) * r).Store(dx + i);
                }

                for (; i < width; i++)
                {
                    total[i] += dy[i] * values[i] * r;
                    dx[i] = ((values[i] * share) + (dy[i] * w[i])) * r;
                }
            }
        });
        return (byInput, byWeight);
    }

    private static float SumOfSquares(float* x, int count)
    {
        Vector<float> even = default, odd = default;
        var i = 0;
        for (; i <= count - (2 * Vector<float>.Count); i += 2 * Vector<float>.Count)
        {
            Vector<float> a = Vector.Load(x + i), b = Vector.Load(x + i + Vector<float>.Count);
            even = Vector.FusedMultiplyAdd(a, a, even);
            odd = Vector.FusedMultiplyAdd(b, b, odd);
        }

        var sum = Vector.Sum(even + odd);
        for (; i < count; i++)
        {
            sum += x[i] * x[i];
        }

        return sum;
    }

    private static float SumOfProducts(float* x, float* y, float* z, int count)
    {
        Vector<float> even = default, odd = default;
        var i = 0;
        for (; i <= count - (2 * Vector<float>.Count); i += 2 * Vector<float>.Count)
        {
            var next = i + Vector<float>.Count;
            even = Vector.FusedMultiplyAdd(Vector.Load(x + i) * Vector.Load(y + i), Vector.Load(z + i), even);
            odd = Vector.FusedMultiplyAdd(Vector.Load(x + next) * Vector.Load(y + next), Vector.Load(z + next), odd);
        }

        var sum = Vector.Sum(even + odd);
        for (; i < count; i++)
        {
            sum += x[i] * y[i] * z[i];
        }

        return sum;
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(RmsNormalised);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            using var _ = no_grad();
            var (result, scales) = RmsNormalised.Forward((Tensor)vars[0], (Tensor)vars[1], (double)vars[2]);
            ctx.save_for_backward([(Tensor)vars[0], (Tensor)vars[1]]);
            ctx.save_data("scales", scales);
            return result;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var saved = ctx.get_saved_variables();
            var (byInput, byWeight) = RmsNormalised.Backward(saved[0], saved[1], (float[])ctx.get_data("scales"), grad_output);
            return [byInput.MoveToOuterDisposeScope(), byWeight.MoveToOuterDisposeScope(), null!];
        }
    }
}
