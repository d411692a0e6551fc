using System.Numerics;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>silu(gate)·up, silu(x) = x·σ(x) (Shazeer 2020, arXiv:2002.05202).</summary>
internal static unsafe class GatedSilu
{
    /// <summary>[N, F], [N, F] → [N, F]; the rows of either may lie apart, as those of two halves of one product do.</summary>
    public static Tensor Apply(Tensor gate, Tensor up) =>
        !HostOperations.Fits(gate) ? nn.functional.silu(gate).mul(up)
        : is_grad_enabled() && (gate.requires_grad || up.requires_grad) ? Function.apply(gate, up)
        : Forward(gate, up);

    private static Tensor Forward(Tensor gate, Tensor up)
    {
        var (rows, width) = (gate.size(0), gate.size(1));
        var result = empty(rows, width);
        float* g = HostOperations.DataOf(gate), u = HostOperations.DataOf(up), to = HostOperations.DataOf(result);
        long gStride = gate.stride(0), uStride = up.stride(0);
        HostOperations.Rows(rows, width, (_, start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* a = g + (row * gStride), b = u + (row * uStride), y = to + (row * width);
                long i = 0;
                for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
                {
                    var v = Vector.Load(a + i);
                    (v * HostOperations.Sigmoid(v) * Vector.Load(b + i)).Store(y + i);
                }

                for (; i < width; i++)
                {
                    y[i] = a[i] * HostOperations.Sigmoid(a[i]) * b[i];
                }
            }
        });
        return result;
    }

    private static (Tensor Gate, Tensor Up) Backward(Tensor gate, Tensor up, Tensor gradient)
    {
        var (rows, width) = (gate.size(0), gate.size(1));
        using var by = gradient.contiguous();
        Tensor byGate = empty(rows, width), byUp = empty(rows, width);
        float* g = HostOperations.DataOf(gate), u = HostOperations.DataOf(up), d = HostOperations.DataOf(by), toGate = HostOperations.DataOf(byGate), toUp = HostOperations.DataOf(byUp);
        long gStride = gate.stride(0), uStride = up.stride(0);
        HostOperations.Rows(rows, width, (_, start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* a = g + (row * gStride), b = u + (row * uStride), dy = d + (row * width), da = toGate + (row * width), db = toUp + (row * width);
                long i = 0;
                for (; i <= width - Vector<float>.Count; i += Vector<float>.Count)
                {
                    Vector<float> v = Vector.Load(a + i), y = Vector.Load(dy + i), s = HostOperations.Sigmoid(v), silu = v * s;
                    (y * Vector.Load(b + i) * (s + (silu * (Vector<float>.One - s)))).Store(da + i);
                    (y * silu).Store(db + i);
                }

                for (; i < width; i++)
                {
                    float s = HostOperations.Sigmoid(a[i]), silu = a[i] * s;
                    da[i] = dy[i] * b[i] * (s + (silu * (1 - s)));
                    db[i] = dy[i] * silu;
                }
            }
        });
        return (byGate, byUp);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(GatedSilu);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            using var _ = no_grad();
            ctx.save_for_backward([(Tensor)vars[0], (Tensor)vars[1]]);
            return GatedSilu.Forward((Tensor)vars[0], (Tensor)vars[1]);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var saved = ctx.get_saved_variables();
            var (byGate, byUp) = GatedSilu.Backward(saved[0], saved[1], grad_output);
            return [byGate.MoveToOuterDisposeScope(), byUp.MoveToOuterDisposeScope()];
        }
    }
}
