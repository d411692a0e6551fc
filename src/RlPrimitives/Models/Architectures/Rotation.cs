using System.Numerics;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>Rotates feature pairs (i, i + hd/2) for float32 on the processor: (x₁, x₂) → (x₁ cos − x₂ sin, x₂ cos + x₁ sin).</summary>
internal static unsafe class Rotation
{
    /// <summary>[N, heads, hd] → [N, heads, hd], angles [N, 1, hd] as <see cref="Rotary.At"/> gives them.</summary>
    /// <param name="heads">[N, heads, hd]; rows may lie apart.</param>
    /// <param name="rotated">How many heads are rotated: the first. The others are copied.</param>
    /// <param name="cos">[N, 1, hd]</param>
    /// <param name="sin">[N, 1, hd], its first half negative.</param>
    public static Tensor Apply(Tensor heads, long rotated, Tensor cos, Tensor sin) =>
        is_grad_enabled() && heads.requires_grad ? Function.First(heads, cos, sin, rotated) : Rotate(heads, rotated, cos, sin, 1);

    /// <param name="heads">[N, heads, hd]; rows may lie apart.</param>
    /// <param name="rotated">How many heads are rotated.</param>
    /// <param name="cos">[N, 1, hd]</param>
    /// <param name="sin">[N, 1, hd], its first half negative.</param>
    /// <param name="direction">1, or −1 to turn back, which is what the gradient does.</param>
    private static Tensor Rotate(Tensor heads, long rotated, Tensor cos, Tensor sin, float direction)
    {
        using var input = heads.stride(2) == 1 && heads.stride(1) == heads.size(2) ? heads.alias() : heads.contiguous();
        var (rows, count, width) = (heads.size(0), heads.size(1), heads.size(2));
        var (half, stride) = (width / 2, input.stride(0));
        var result = empty(rows, count, width);
        float* from = HostOperations.DataOf(input), c = HostOperations.DataOf(cos), s = HostOperations.DataOf(sin) + half, to = HostOperations.DataOf(result);
        HostOperations.Rows(rows, count * width, (start, end) =>
        {
            for (var row = start; row < end; row++)
            {
                float* cosines = c + (row * width), sines = s + (row * width);
                for (long head = 0; head < rotated; head++)
                {
                    float* x = from + (row * stride) + (head * width), y = to + (((row * count) + head) * width);
                    long i = 0;
                    for (; i <= half - Vector<float>.Count; i += Vector<float>.Count)
                    {
                        Vector<float> a = Vector.Load(x + i), b = Vector.Load(x + half + i), cosine = Vector.Load(cosines + i), sine = Vector.Load(sines + i) * direction;
                        ((a * cosine) - (b * sine)).Store(y + i);
                        ((b * cosine) + (a * sine)).Store(y + half + i);
                    }

                    for (; i < half; i++)
                    {
                        var (a, b, sine) = (x[i], x[half + i], sines[i] * direction);
                        (y[i], y[half + i]) = ((a * cosines[i]) - (b * sine), (b * cosines[i]) + (a * sine));
                    }
                }

                var others = (int)((count - rotated) * width);
                new ReadOnlySpan<float>(from + (row * stride) + (rotated * width), others).CopyTo(new Span<float>(to + (((row * count) + rotated) * width), others));
            }
        });
        return result;
    }

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var (heads, cos, sin, rotated) = ((Tensor)inputs[0]!, (Tensor)inputs[1]!, (Tensor)inputs[2]!, (long)inputs[3]!);
            context.save_for_backward([cos, sin]);
            context.save_data("rotated", rotated);
            return [Rotate(heads, rotated, cos, sin, 1)];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients) =>
            [Rotate(gradients[0]!, (long)context.get_data("rotated"), saved[0], saved[1], -1), null, null, null];
    }
}
