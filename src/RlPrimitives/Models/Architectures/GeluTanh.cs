using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>GELU in its tanh form, x·σ(2u) with u = √(2/π)·(x + 0.044715 x³): the same as x/2·(1 + tanh u) with an exponential in place of the tanh.</summary>
internal static unsafe class GeluTanh
{
    private const float Twice = 1.5957691216057308f; // 2·√(2/π)
    private const float Cubic = 0.044715f;

    /// <summary>Of x + b, where a bias is given; […, D], [D] → […, D].</summary>
    public static Tensor Apply(Tensor x, Tensor? bias = null) =>
        !HostOperations.Fits(x) ? nn.functional.gelu(bias is null ? x : x.Plus(bias), TorchSharp.Modules.GELU.Approximate.tanh, inplace: false)
        : !is_grad_enabled() || !(x.requires_grad || bias is { requires_grad: true }) ? Forward(x, bias)
        : bias is null ? Function.First(x)
        : Function.First(x, bias);

    private static Tensor Forward(Tensor x, Tensor? bias)
    {
        using Tensor input = x.contiguous(), added = Added(x, bias);
        var result = empty_like(input);
        var width = input.size(-1);
        float* from = HostOperations.DataOf(input), b = HostOperations.DataOf(added), to = HostOperations.DataOf(result);
        HostOperations.Rows(input.numel() / width, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* values = from + (row * width), y = to + (row * width);
                var done = Lanes512.AreFast ? Forward<Lanes512>(values, b, y, 0, width) : Forward<Lanes>(values, b, y, 0, width);
                Forward<OneLane>(values, b, y, done, width);
            }
        });
        return result;
    }

    // The gradients by x and by the bias, which is the sum of the former.
    private static (Tensor Input, Tensor Bias) Backward(Tensor x, Tensor? bias, Tensor gradient)
    {
        using Tensor input = x.contiguous(), added = Added(x, bias), by = gradient.contiguous();
        var result = empty_like(input);
        var width = (int)input.size(-1);
        float* from = HostOperations.DataOf(input), b = HostOperations.DataOf(added), g = HostOperations.DataOf(by), to = HostOperations.DataOf(result);
        var sums = HostOperations.SumRows(input.numel() / width, width, (total, start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* values = from + (row * width), dy = g + (row * width), dx = to + (row * width);
                var done = Lanes512.AreFast ? Backward<Lanes512>(values, b, dy, dx, total, 0, width) : Backward<Lanes>(values, b, dy, dx, total, 0, width);
                Backward<OneLane>(values, b, dy, dx, total, done, width);
            }
        });
        return (result, sums);
    }

    private static Tensor Added(Tensor x, Tensor? bias) => bias?.contiguous() ?? zeros(x.size(-1));

    // From number i of a row on, as many as fill registers; where that ends.
    private static long Forward<T>(float* x, float* bias, float* y, long i, long width)
        where T : struct, ILanes<T>
    {
        for (; i <= width - T.Count; i += T.Count)
        {
            var v = T.Load(x + i) + T.Load(bias + i);
            (v * HostOperations.Sigmoid(v * T.Spread(Twice) * (T.Spread(1) + (v * v * T.Spread(Cubic))))).Store(y + i);
        }

        return i;
    }

    private static long Backward<T>(float* x, float* bias, float* dy, float* dx, float* total, long i, long width)
        where T : struct, ILanes<T>
    {
        for (; i <= width - T.Count; i += T.Count)
        {
            var v = T.Load(x + i) + T.Load(bias + i);
            var square = v * v * T.Spread(Cubic);
            var s = HostOperations.Sigmoid(v * T.Spread(Twice) * (T.Spread(1) + square));
            var slope = v * T.Spread(Twice) * (T.Spread(1) + (square * T.Spread(3))); // x·d(2u)/dx
            var by = T.Load(dy + i) * s * (T.Spread(1) + (slope * (T.Spread(1) - s)));
            by.Store(dx + i);
            (T.Load(total + i) + by).Store(total + i);
        }

        return i;
    }

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            context.save_for_backward([.. inputs.Cast<Tensor>()]);
            return [GeluTanh.Forward((Tensor)inputs[0]!, (Tensor?)inputs.ElementAtOrDefault(1))];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var (byInput, byBias) = GeluTanh.Backward(saved[0], saved.ElementAtOrDefault(1), gradients[0]!);
            return saved.Length > 1 ? [byInput, byBias] : [byInput];
        }
    }
}
