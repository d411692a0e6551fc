using System.Numerics.Tensors;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>A residual sum and its norm; for float32 on the processor in one pass over memory forward and one backward.</summary>
/// <remarks>
/// s = x + (delta + bias) and y = (s − μ)·r·w + b of each row, with r = 1/√(mean((s − μ)²) + ε): LayerNorm (Ba et al. 2016, arXiv:1607.06450), and with μ = 0
/// RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467). libtorch reads and writes everything anew for the bias, the sum, the norm, and each of their gradients.
/// </remarks>
internal static unsafe class ResidualNorm
{
    /// <summary>The sum and its norm, […, D]; the sum is x itself where nothing is added.</summary>
    /// <param name="stream">x, delta and bias, […, D].</param>
    /// <param name="weight">w, [D]</param>
    /// <param name="bias">b, [D]; null for RMSNorm.</param>
    /// <param name="epsilon">ε</param>
    public static (Tensor Sum, Tensor Normed) Apply(ResidualStream stream, Tensor weight, Tensor? bias, double epsilon)
    {
        if (!HostOperations.Fits(stream.X))
        {
            var x = stream.Sum();
            return (x, Composed(x, weight, bias, epsilon));
        }

        if (NeedsGradients(stream, weight) && stream.Delta is not null)
        {
            var results = Function.apply(stream.X, stream.Delta, stream.Bias!, weight, bias!, epsilon, true);
            return (results[1], results[0]);
        }

        if (NeedsGradients(stream, weight))
        {
            return (stream.X, Normed(stream, weight, bias, epsilon));
        }

        var (sum, normed, _) = Forward(stream, weight, bias, epsilon);
        return (sum, normed!);
    }

    /// <summary>The norm alone, for who has no use for the sum; […, D].</summary>
    /// <inheritdoc cref="Apply"/>
    public static Tensor Normed(ResidualStream stream, Tensor weight, Tensor? bias, double epsilon) =>
        !HostOperations.Fits(stream.X) ? Composed(stream.Sum(), weight, bias, epsilon)
        : NeedsGradients(stream, weight) ? Function.First(stream.X, stream.Delta, stream.Bias, weight, bias, epsilon, false)
        : Forward(stream, weight, bias, epsilon).Normed!;

    /// <summary>The sum alone; […, D].</summary>
    public static Tensor Sum(ResidualStream stream)
    {
        var (x, delta, bias) = stream;
        return HostOperations.Fits(x) ? Function.First(x, delta, bias, null, null, 0.0, true) : x.Plus(bias is null ? delta! : delta!.Plus(bias));
    }

    // Of libtorch's operations, RMSNorm in float32.
    private static Tensor Composed(Tensor x, Tensor weight, Tensor? bias, double epsilon)
    {
        if (bias is not null)
        {
            return nn.functional.layer_norm(x, weight.shape, weight, bias, epsilon);
        }

        var x32 = x.dtype == ScalarType.Float32 ? x : x.to(ScalarType.Float32);
        var scale = x32.Squared().mean([-1], keepdim: true).Plus(epsilon).rsqrt();  // […, 1]
        return x32.mul(scale).to(x.dtype).mul(weight);
    }

    private static bool NeedsGradients(ResidualStream stream, Tensor weight) =>
        is_grad_enabled() && (stream.X.requires_grad || stream.Delta is { requires_grad: true } || stream.Bias is { requires_grad: true } || weight.requires_grad);

    private static (Tensor Sum, Tensor? Normed, Moments Moments) Forward(ResidualStream stream, Tensor? weight, Tensor? bias, double epsilon)
    {
        var width = (int)stream.X.size(-1);
        using var x = stream.X.contiguous();
        using var delta = stream.Delta?.contiguous();
        var sum = delta is null ? stream.X : empty_like(x);
        var normed = weight is null ? null : empty_like(x);
        var rows = x.numel() / width;
        var moments = new Moments(new float[rows], new float[rows]);
        var pointers = new Inputs
        {
            X = HostOperations.DataOf(x), Delta = AddressOf(delta), DeltaBias = AddressOf(stream.Bias), Weight = AddressOf(weight),
            Bias = AddressOf(bias), Width = width, Centred = bias is not null, Epsilon = epsilon,
        };
        float* s = delta is null ? pointers.X : HostOperations.DataOf(sum), y = AddressOf(normed);
        HostOperations.Rows(rows, width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                if (Lanes512.AreFast)
                {
                    Forward<Lanes512>(pointers, row, s, y, moments);
                }
                else
                {
                    Forward<Lanes>(pointers, row, s, y, moments);
                }
            }
        });
        return (sum, normed, moments);
    }

    private static void Forward<T>(in Inputs inputs, long row, float* sums, float* normed, Moments moments)
        where T : struct, ILanes<T>
    {
        var width = inputs.Width;
        var at = row * width;
        var s = sums + at;
        if (inputs.Delta is not null)
        {
            var i = 0;
            Add<T>(inputs.X + at, inputs.Delta + at, inputs.DeltaBias, s, ref i, width);
            Add<OneLane>(inputs.X + at, inputs.Delta + at, inputs.DeltaBias, s, ref i, width);
        }

        if (normed is null)
        {
            return;
        }

        int j = 0, k = 0, l = 0;
        var mean = inputs.Centred ? (Total<T>(s, ref j, width) + Total<OneLane>(s, ref j, width)) / width : 0;
        var squares = Squares<T>(s, mean, ref k, width) + Squares<OneLane>(s, mean, ref k, width);
        var scale = (float)(1 / Math.Sqrt((squares / (double)width) + inputs.Epsilon));
        (moments.Means[row], moments.Scales[row]) = (mean, scale);
        Normalise<T>(s, mean, scale, inputs.Weight, inputs.Bias, normed + at, ref l, width);
        Normalise<OneLane>(s, mean, scale, inputs.Weight, inputs.Bias, normed + at, ref l, width);
    }

    // With g = dy·w and n = (s − μ)·r:  ∂/∂s = r·(g − mean(g) − n·mean(g·n)), the mean of g for LayerNorm only, and what comes to the sum from elsewhere;
    // ∂/∂w = Σ dy·n;  ∂/∂b = Σ dy;  ∂/∂bias = Σ ∂/∂s
    private static (Tensor Input, Tensor Sums) Backward(Tensor sum, Tensor weight, bool centred, Moments moments, Tensor byNormed, Tensor? bySum)
    {
        var width = (int)weight.size(0);
        using Tensor s = sum.contiguous(), dy = byNormed.contiguous();
        using var ds = bySum?.contiguous();
        var byInput = empty_like(s);
        float* from = HostOperations.DataOf(s), w = HostOperations.DataOf(weight), by = HostOperations.DataOf(dy), to = HostOperations.DataOf(byInput);
        var other = AddressOf(ds);
        var sums = HostOperations.SumRows(s.numel() / width, 3 * width, (total, start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                var at = row * width;
                var place = new Gradients
                {
                    Sum = from + at, ByNormed = by + at, BySum = other is null ? null : other + at, Weight = w, ByInput = to + at, Totals = total, Width = width,
                    Mean = moments.Means[row], Scale = moments.Scales[row],
                };
                if (Lanes512.AreFast)
                {
                    Backward<Lanes512>(place, centred);
                }
                else
                {
                    Backward<Lanes>(place, centred);
                }
            }
        });
        return (byInput, sums);
    }

    private static void Backward<T>(in Gradients row, bool centred)
        where T : struct, ILanes<T>
    {
        int i = 0, j = 0;
        var (a, b) = Products<T>(row, ref i);
        var (aRest, bRest) = Products<OneLane>(row, ref i);
        float mean = centred ? -(a + aRest) / row.Width : 0, slope = -(b + bRest) / row.Width;
        Spread<T>(row, mean, slope, ref j);
        Spread<OneLane>(row, mean, slope, ref j);
    }

    private static void Add<T>(float* x, float* delta, float* bias, float* sum, ref int i, int width)
        where T : struct, ILanes<T>
    {
        for (; i <= width - T.Count; i += T.Count)
        {
            (T.Load(x + i) + (bias is null ? T.Load(delta + i) : T.Load(delta + i) + T.Load(bias + i))).Store(sum + i);
        }
    }

    private static float Total<T>(float* x, ref int i, int width)
        where T : struct, ILanes<T>
    {
        T total = default;
        for (; i <= width - T.Count; i += T.Count)
        {
            total += T.Load(x + i);
        }

        return T.Sum(total);
    }

    // Σ (x − mean)²
    private static float Squares<T>(float* x, float mean, ref int i, int width)
        where T : struct, ILanes<T>
    {
        T total = default, middle = T.Spread(mean);
        for (; i <= width - T.Count; i += T.Count)
        {
            var distance = T.Load(x + i) - middle;
            total = T.MultiplyAdd(distance, distance, total);
        }

        return T.Sum(total);
    }

    private static void Normalise<T>(float* x, float mean, float scale, float* weight, float* bias, float* y, ref int i, int width)
        where T : struct, ILanes<T>
    {
        T middle = T.Spread(mean), scales = T.Spread(scale);
        for (; i <= width - T.Count; i += T.Count)
        {
            T.MultiplyAdd((T.Load(x + i) - middle) * scales, T.Load(weight + i), bias is null ? default : T.Load(bias + i)).Store(y + i);
        }
    }

    // Σ g and Σ g·n
    private static (float Plain, float Normed) Products<T>(in Gradients row, ref int i)
        where T : struct, ILanes<T>
    {
        T plain = default, normed = default, middle = T.Spread(row.Mean), scales = T.Spread(row.Scale);
        for (; i <= row.Width - T.Count; i += T.Count)
        {
            var g = T.Load(row.ByNormed + i) * T.Load(row.Weight + i);
            plain += g;
            normed = T.MultiplyAdd(g, (T.Load(row.Sum + i) - middle) * scales, normed);
        }

        return (T.Sum(plain), T.Sum(normed));
    }

    private static void Spread<T>(in Gradients row, float mean, float slope, ref int i)
        where T : struct, ILanes<T>
    {
        T middle = T.Spread(row.Mean), scales = T.Spread(row.Scale), means = T.Spread(mean), slopes = T.Spread(slope);
        float* byWeight = row.Totals, byBias = byWeight + row.Width, byDeltaBias = byBias + row.Width;
        for (; i <= row.Width - T.Count; i += T.Count)
        {
            T dy = T.Load(row.ByNormed + i), n = (T.Load(row.Sum + i) - middle) * scales;
            T.MultiplyAdd(dy, n, T.Load(byWeight + i)).Store(byWeight + i);
            (T.Load(byBias + i) + dy).Store(byBias + i);
            var g = T.MultiplyAdd(n, slopes, (dy * T.Load(row.Weight + i)) + means);
            var ds = g * scales;
            if (row.BySum is not null)
            {
                ds += T.Load(row.BySum + i); // rounded twice, as where two operations do it
            }

            ds.Store(row.ByInput + i);
            (T.Load(byDeltaBias + i) + ds).Store(byDeltaBias + i);
        }
    }

    private static float* AddressOf(Tensor? tensor) => tensor is null ? null : HostOperations.DataOf(tensor);

    /// <summary>μ (0 for RMSNorm) and r of each row.</summary>
    private sealed record Moments(float[] Means, float[] Scales);

    private readonly struct Inputs
    {
        public float* X { get; init; }

        public float* Delta { get; init; }

        public float* DeltaBias { get; init; }

        public float* Weight { get; init; }

        public float* Bias { get; init; }

        public int Width { get; init; }

        public bool Centred { get; init; }

        public double Epsilon { get; init; }
    }

    /// <summary>A row's places; totals are those by w, b and bias, one after the other.</summary>
    private readonly struct Gradients
    {
        public float* Sum { get; init; }

        public float* ByNormed { get; init; }

        public float* BySum { get; init; }

        public float* Weight { get; init; }

        public float* ByInput { get; init; }

        public float* Totals { get; init; }

        public int Width { get; init; }

        public float Mean { get; init; }

        public float Scale { get; init; }
    }

    // x, delta?, bias?, w?, b?, ε, whether the sum is wanted → y, s where it is; without w s alone.
    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var stream = new ResidualStream((Tensor)inputs[0]!, (Tensor?)inputs[1], (Tensor?)inputs[2]);
            var (weight, bias) = ((Tensor?)inputs[3], (Tensor?)inputs[4]);
            var (sum, normed, moments) = ResidualNorm.Forward(stream, weight, bias, (double)inputs[5]!);
            context.save_data("moments", moments);
            context.save_data("present", Array.ConvertAll(inputs, i => i is not null));
            if (weight is null)
            {
                return [sum];
            }

            // The sum is a result, and only inputs may be saved: what is detached from it shares its numbers.
            context.save_for_backward([stream.Delta is null ? stream.X : sum.detach(), weight]);
            return (bool)inputs[6]! ? [normed!, sum] : [normed!];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var present = (bool[])context.get_data("present");
            if (saved.Length == 0)
            {
                return [gradients[0], gradients[0], SumOfRows(gradients[0]!), null, null, null, null];
            }

            var (sum, weight) = (saved[0], saved[1]);
            var (byInput, sums) = ResidualNorm.Backward(
                sum, weight, centred: present[4], (Moments)context.get_data("moments"), gradients[0] ?? zeros_like(sum), gradients.ElementAtOrDefault(1));
            var parts = sums.view(3, -1);
            return [byInput, present[1] ? byInput : null, present[2] ? parts[2] : null, parts[0], present[4] ? parts[1] : null, null, null];
        }

        // In the pieces, and so with the digits, that the sum with a norm has.
        private static Tensor SumOfRows(Tensor gradient)
        {
            using var by = gradient.contiguous();
            var width = (int)by.size(-1);
            var from = HostOperations.DataOf(by);
            return HostOperations.SumRows(by.numel() / width, 3 * width, (total, start, end) =>
            {
                var sum = new Span<float>(total + (2 * width), width);
                for (var row = start; row < end; row++)
                {
                    TensorPrimitives.Add(sum, new ReadOnlySpan<float>(from + (row * width), width), sum);
                }
            }).narrow(0, 2 * width, width);
        }
    }
}
