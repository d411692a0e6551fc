using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>silu(gate)·up, silu(x) = x·σ(x) (Shazeer 2020, arXiv:2002.05202).</summary>
internal static unsafe class GatedSilu
{
    /// <summary>Gate and up side by side: [N, 2·F] → [N, F].</summary>
    public static Tensor Apply(Tensor both)
    {
        if (HostOperations.Fits(both))
        {
            return is_grad_enabled() && both.requires_grad ? Function.First(both) : Forward(both);
        }

        var parts = both.chunk(2, 1);
        return nn.functional.silu(parts[0]).mul(parts[1]);
    }

    /// <summary>[N, F], [N, F] → [N, F]</summary>
    public static Tensor Apply(Tensor gate, Tensor up) => HostOperations.Fits(gate) ? Apply(cat([gate, up], 1)) : nn.functional.silu(gate).mul(up);

    private static Tensor Forward(Tensor both)
    {
        using var input = both.contiguous();
        var (rows, width) = (input.size(0), input.size(1) / 2);
        var result = empty(rows, width);
        float* from = HostOperations.DataOf(input), to = HostOperations.DataOf(result);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* a = from + (2 * row * width), b = a + width, y = to + (row * width);
                var done = Lanes512.AreFast ? Forward<Lanes512>(a, b, y, 0, width) : Forward<Lanes>(a, b, y, 0, width);
                Forward<OneLane>(a, b, y, done, width);
            }
        });
        return result;
    }

    private static Tensor Backward(Tensor both, Tensor gradient)
    {
        using Tensor input = both.contiguous(), by = gradient.contiguous();
        var (rows, width) = (input.size(0), input.size(1) / 2);
        var result = empty(rows, 2 * width);
        float* from = HostOperations.DataOf(input), d = HostOperations.DataOf(by), to = HostOperations.DataOf(result);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* a = from + (2 * row * width), dy = d + (row * width), da = to + (2 * row * width);
                var done = Lanes512.AreFast ? Backward<Lanes512>(a, dy, da, 0, width) : Backward<Lanes>(a, dy, da, 0, width);
                Backward<OneLane>(a, dy, da, done, width);
            }
        });
        return result;
    }

    // From number i of a row on, as many as fill registers; where that ends.
    private static long Forward<T>(float* a, float* b, float* y, long i, long width)
        where T : struct, ILanes<T>
    {
        for (; i <= width - T.Count; i += T.Count)
        {
            var v = T.Load(a + i);
            (v * HostOperations.Sigmoid(v) * T.Load(b + i)).Store(y + i);
        }

        return i;
    }

    private static long Backward<T>(float* a, float* dy, float* da, long i, long width)
        where T : struct, ILanes<T>
    {
        for (; i <= width - T.Count; i += T.Count)
        {
            T v = T.Load(a + i), y = T.Load(dy + i), s = HostOperations.Sigmoid(v), silu = v * s;
            (y * T.Load(a + width + i) * (s + (silu * (T.Spread(1) - s)))).Store(da + i);
            (y * silu).Store(da + width + i);
        }

        return i;
    }

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var both = (Tensor)inputs[0]!;
            context.save_for_backward([both]);
            return [GatedSilu.Forward(both)];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients) => [GatedSilu.Backward(saved[0], gradients[0]!)];
    }
}
