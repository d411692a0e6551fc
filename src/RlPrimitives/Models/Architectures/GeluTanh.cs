using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>GELU in its tanh form, x·σ(2u) with u = √(2/π)·(x + 0.044715 x³): the same as x/2·(1 + tanh u) with an exponential in place of the tanh.</summary>
internal static unsafe class GeluTanh
{
    private const float Twice = 1.5957691216057308f; // 2·√(2/π)
    private const float Cubic = 0.044715f;

    /// <summary>Elementwise, any shape.</summary>
    public static Tensor Apply(Tensor x) =>
        !HostOperations.Fits(x) ? nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh, inplace: false)
        : is_grad_enabled() && x.requires_grad ? Function.apply(x)
        : Forward(x);

    private static Tensor Forward(Tensor x)
    {
        using var input = x.contiguous();
        var result = empty_like(input);
        float* from = HostOperations.DataOf(input), to = HostOperations.DataOf(result);
        HostOperations.Rows(input.numel(), 1, (_, start, end) =>
        {
            var i = start;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var v = Vector.Load(from + i);
                (v * HostOperations.Sigmoid(v * Twice * (Vector<float>.One + (v * v * Cubic)))).Store(to + i);
            }

            for (; i < end; i++)
            {
                to[i] = from[i] * HostOperations.Sigmoid(from[i] * Twice * (1 + (from[i] * from[i] * Cubic)));
            }
        });
        return result;
    }

    private static Tensor Backward(Tensor x, Tensor gradient)
    {
        using Tensor input = x.contiguous(), by = gradient.contiguous();
        var result = empty_like(input);
        float* from = HostOperations.DataOf(input), g = HostOperations.DataOf(by), to = HostOperations.DataOf(result);
        HostOperations.Rows(input.numel(), 1, (_, start, end) =>
        {
            var i = start;
            for (; i <= end - Vector<float>.Count; i += Vector<float>.Count)
            {
                var v = Vector.Load(from + i);
                var square = v * v * Cubic;
                var s = HostOperations.Sigmoid(v * Twice * (Vector<float>.One + square));
                var slope = v * Twice * (Vector<float>.One + (square * 3)); // x·d(2u)/dx
                (Vector.Load(g + i) * s * (Vector<float>.One + (slope * (Vector<float>.One - s)))).Store(to + i);
            }

            for (; i < end; i++)
            {
                var square = from[i] * from[i] * Cubic;
                var s = HostOperations.Sigmoid(from[i] * Twice * (1 + square));
                to[i] = g[i] * s * (1 + (from[i] * Twice * (1 + (square * 3)) * (1 - s)));
            }
        });
        return result;
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(GeluTanh);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            using var _ = no_grad();
            ctx.save_for_backward([(Tensor)vars[0]]);
            return GeluTanh.Forward((Tensor)vars[0]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            return [GeluTanh.Backward(ctx.get_saved_variables()[0], grad_output).MoveToOuterDisposeScope()];
        }
    }
}
