using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Architectures;

/// <summary>A float32 weight [out, in] laid out for decoding on processors with 512-bit registers: x·Wᵀ + b for a few dozen rows, no gradients.</summary>
/// <remarks>
/// <para>
/// Sixteen outputs are a panel: their numbers for one input lie side by side and fill a register. Sixteen rows of x keep sixteen sums in registers while a panel passes by once,
/// from the first input to the last. So the weights, which decide the time at few rows, are read once and in order, and the multipliers are busy meanwhile.
/// </para>
/// <para>An element is summed over the inputs in their order, whatever the number of rows: a row's result does not depend on its company.</para>
/// </remarks>
internal sealed unsafe class PanelWeight : IDisposable
{
    private const int Width = 16;  // outputs of a panel, and rows of a tile
    private const int Few = 4;     // rows of a small tile
    private const int Ahead = 64;  // inputs by which the weights are fetched in advance: 4 KiB
    private const int PiecesPerThread = 4;
    private const long WorthThreads = 32 << 10; // weights: some microseconds

    /// <summary>Up to how many rows it is faster than a product that copies pieces of the weights into its caches first.</summary>
    public const int MaxRows = 64;

    private readonly Tensor panels; // [⌈out/16⌉, in, 16]
    private readonly Tensor? bias;  // [16·⌈out/16⌉]
    private readonly int inputs;
    private readonly int outputs;

    /// <param name="weight">[out, in]; the transposed view of an [in, out] as well.</param>
    /// <param name="bias">[out]</param>
    public PanelWeight(Tensor weight, Tensor? bias)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        weight = weight.stride(0) == 1 || weight.stride(1) == 1 ? weight : weight.contiguous();
        (outputs, inputs) = ((int)weight.size(0), (int)weight.size(1));
        var whole = (outputs + Width - 1) / Width * Width;
        panels = zeros(whole / Width, inputs, Width).DetachFromDisposeScope();
        this.bias = bias is null ? null : nn.functional.pad(bias, [0, whole - outputs]).DetachFromDisposeScope();
        float* from = HostOperations.DataOf(weight), to = HostOperations.DataOf(panels);
        var (byOutput, byInput) = (weight.stride(0), weight.stride(1));
        HostOperations.Rows(whole / Width, (long)inputs * Width, (start, end) =>
        {
            for (var panel = start; panel < end; panel++)
            {
                var count = (int)Math.Min(Width, outputs - (panel * Width));
                float* source = from + (panel * Width * byOutput), target = to + (panel * inputs * Width);
                if (byInput == 1)
                {
                    Transposition.Copy(source, byOutput, target, Width, count, inputs);
                    continue;
                }

                for (var input = 0L; input < inputs; input++)
                {
                    new ReadOnlySpan<float>(source + (input * byInput), count).CopyTo(new Span<float>(target + (input * Width), count));
                }
            }
        });
    }

    /// <summary>Whether the processor can do it at all.</summary>
    public static bool IsSupported => Vector512.IsHardwareAccelerated && Avx512F.IsSupported;

    /// <summary>Whether this is the way to multiply few rows with such a weight: float32, on an Intel processor with 512-bit registers.</summary>
    /// <remarks>On other makers' processors oneDNN was as fast as memory already; whether this is faster there has not been measured.</remarks>
    public static bool Fits(Tensor weight) => IsSupported && LinearProduct.IsIntel && HostOperations.Fits(weight);

    /// <summary>[N, in] → [N, out]</summary>
    public Tensor Times(Tensor x)
    {
        using var input = x.contiguous();
        var rows = (int)input.size(0);
        using var turned = Turned(input);
        var result = empty(rows, outputs);
        float* columns = HostOperations.DataOf(turned), weights = HostOperations.DataOf(panels), to = HostOperations.DataOf(result);
        var added = bias is null ? null : HostOperations.DataOf(bias);
        var count = (outputs + Width - 1) / Width;
        var threads = (long)inputs * outputs >= WorthThreads ? get_num_threads() : 1;
        var atOnce = Math.Max(1, count / (threads * PiecesPerThread));
        ComputeTeam.For((count + atOnce - 1) / atOnce, threads, piece =>
        {
            for (var panel = piece * atOnce; panel < Math.Min(count, (piece + 1) * atOnce); panel++)
            {
                for (var row = 0; row < rows; row += Width)
                {
                    Multiply(
                        columns + ((long)row * inputs), weights + ((long)panel * inputs * Width), added is null ? null : added + (panel * Width),
                        to + ((long)row * outputs) + (panel * Width), Math.Min(Width, rows - row), Math.Min(Width, outputs - (panel * Width)));
                }
            }
        });
        return result;
    }

    public void Dispose()
    {
        panels.Dispose();
        bias?.Dispose();
    }

    /// <summary>x's rows as columns, a tile after the other, each [in, 16] or [in, 4]; zeros for the rows that the last one lacks.</summary>
    private Tensor Turned(Tensor x)
    {
        var rows = x.size(0);
        var full = rows / Width * Width;
        var left = rows - full;
        var result = empty(full + (left > Few ? Width : left > 0 ? Few : 0), inputs);
        float* from = HostOperations.DataOf(x), to = HostOperations.DataOf(result);
        ComputeTeam.For((int)(full / Width), get_num_threads(), tile =>
        {
            var start = (long)tile * Width * inputs;
            Transposition.Copy(from + start, inputs, to + start, Width, Width, inputs);
        });
        float* rest = from + (full * inputs), last = to + (full * inputs);
        if (left > Few)
        {
            using var padded = zeros(Width, inputs); // whole, as whole tiles are copied several numbers at a time
            new ReadOnlySpan<float>(rest, (int)left * inputs).CopyTo(new Span<float>(HostOperations.DataOf(padded), (int)left * inputs));
            Transposition.Copy(HostOperations.DataOf(padded), inputs, last, Width, Width, inputs);
        }
        else if (left > 0)
        {
            new Span<float>(last, Few * inputs).Clear();
            for (var row = 0; row < left; row++, rest += inputs)
            {
                for (var input = 0; input < inputs; input++)
                {
                    last[(input * Few) + row] = rest[input];
                }
            }
        }

        return result;
    }

    /// <summary>One panel times one tile, [rows, columns] of the result.</summary>
    private void Multiply(float* x, float* w, float* b, float* to, int rows, int columns)
    {
        if (columns == Width)
        {
            MultiplyWhole(x, w, b, to, outputs, rows);
        }
        else
        {
            MultiplyPart(x, w, b, to, rows, columns);
        }
    }

    private void MultiplyWhole(float* x, float* w, float* b, float* to, nint stride, int rows)
    {
        if (rows > Few)
        {
            Sixteen(x, w, inputs, b, to, stride, rows);
        }
        else
        {
            Four(x, w, inputs, b, to, stride, rows);
        }
    }

    // The last panel, where fewer outputs are left than it has places.
    private void MultiplyPart(float* x, float* w, float* b, float* to, int rows, int columns)
    {
        var whole = stackalloc float[Width * Width];
        MultiplyWhole(x, w, b, whole, Width, rows);
        for (var row = 0; row < rows; row++)
        {
            new ReadOnlySpan<float>(whole + (row * Width), columns).CopyTo(new Span<float>(to + ((long)row * outputs), columns));
        }
    }

    // What a tile lacks in rows is computed with what stands there, and not stored.
    [MethodImpl(MethodImplOptions.NoInlining)] // in a larger method the sums would not all find a register
    private static void Sixteen(float* x, float* w, int inputs, float* b, float* to, nint stride, int rows)
    {
        var c0 = b is null ? Vector512<float>.Zero : Vector512.Load(b);
        Vector512<float> c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
        Vector512<float> c8 = c0, c9 = c0, c10 = c0, c11 = c0, c12 = c0, c13 = c0, c14 = c0, c15 = c0;
        for (var input = 0; input < inputs; input++, x += Width, w += Width)
        {
            Sse.Prefetch0(w + (Ahead * Width));
            var weights = Vector512.Load(w);
            // Each number is read and spread by the multiplication itself.
            c0 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[0]), c0);
            c1 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[1]), c1);
            c2 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[2]), c2);
            c3 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[3]), c3);
            c4 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[4]), c4);
            c5 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[5]), c5);
            c6 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[6]), c6);
            c7 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[7]), c7);
            c8 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[8]), c8);
            c9 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[9]), c9);
            c10 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[10]), c10);
            c11 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[11]), c11);
            c12 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[12]), c12);
            c13 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[13]), c13);
            c14 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[14]), c14);
            c15 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[15]), c15);
        }

        Store(c0, c1, c2, c3, to, stride, rows);
        Store(c4, c5, c6, c7, to + (4 * stride), stride, rows - 4);
        Store(c8, c9, c10, c11, to + (8 * stride), stride, rows - 8);
        Store(c12, c13, c14, c15, to + (12 * stride), stride, rows - 12);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Four(float* x, float* w, int inputs, float* b, float* to, nint stride, int rows)
    {
        var c0 = b is null ? Vector512<float>.Zero : Vector512.Load(b);
        Vector512<float> c1 = c0, c2 = c0, c3 = c0;
        for (var input = 0; input < inputs; input++, x += Few, w += Width)
        {
            Sse.Prefetch0(w + (Ahead * Width));
            var weights = Vector512.Load(w);
            c0 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[0]), c0);
            c1 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[1]), c1);
            c2 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[2]), c2);
            c3 = Avx512F.FusedMultiplyAdd(weights, Vector512.Create(x[3]), c3);
        }

        Store(c0, c1, c2, c3, to, stride, rows);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> c0, Vector512<float> c1, Vector512<float> c2, Vector512<float> c3, float* to, nint stride, int rows)
    {
        if (rows > 0)
        {
            c0.Store(to);
        }

        if (rows > 1)
        {
            c1.Store(to + stride);
        }

        if (rows > 2)
        {
            c2.Store(to + (2 * stride));
        }

        if (rows > 3)
        {
            c3.Store(to + (3 * stride));
        }
    }
}
