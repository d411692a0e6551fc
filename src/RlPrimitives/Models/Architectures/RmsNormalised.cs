using System.Numerics.Tensors;
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
        var width = weight.size(0);
        var rows = input.numel() / width;
        var scales = new float[rows];
        float* from = HostOperations.DataOf(input), w = HostOperations.DataOf(weight), to = HostOperations.DataOf(result);
        HostOperations.Rows(rows, width, (_, start, end) =>
        {
            var weights = new ReadOnlySpan<float>(w, (int)width);
            for (var row = start; row < end; row++)
            {
                ReadOnlySpan<float> values = new(from + (row * width), (int)width);
                Span<float> normal = new(to + (row * width), (int)width);
                scales[row] = (float)(1 / Math.Sqrt((TensorPrimitives.SumOfSquares(values) / (double)width) + epsilon));
                TensorPrimitives.Multiply(values, scales[row], normal);
                TensorPrimitives.Multiply(normal, weights, normal);
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
        var sums = new float[HostOperations.Pieces(scales.Length, width)][];
        float* from = HostOperations.DataOf(input), w = HostOperations.DataOf(weight), d = HostOperations.DataOf(by), to = HostOperations.DataOf(byInput);
        HostOperations.Rows(scales.Length, width, (piece, start, end) =>
        {
            var weights = new ReadOnlySpan<float>(w, width);
            var sum = sums[piece] = new float[width];
            var scratch = new float[width];
            for (var row = start; row < end; row++)
            {
                ReadOnlySpan<float> values = new(from + (row * width), width), dy = new(d + (row * width), width);
                Span<float> result = new(to + (row * width), width);
                var r = scales[row];
                TensorPrimitives.Multiply(dy, values, scratch);
                TensorPrimitives.MultiplyAdd(scratch, r, sum, sum);
                var mean = TensorPrimitives.Dot(scratch, weights) / width;
                TensorPrimitives.Multiply(dy, weights, result);
                TensorPrimitives.MultiplyAdd(values, -r * r * mean, result, result);
                TensorPrimitives.Multiply(result, r, result);
            }
        });
        var byWeight = zeros(width);
        foreach (var sum in sums) // in order, whoever made them
        {
            var total = new Span<float>(HostOperations.DataOf(byWeight), width);
            TensorPrimitives.Add(total, sum, total);
        }

        return (byInput, byWeight);
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
