using System.Runtime.Intrinsics.X86;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>x·Wᵀ + b with gradients, on CPU through oneDNN.</summary>
/// <remarks>
/// On AMD's processors its kernels are some 15 % faster than MKL's, which libtorch's own <c>linear</c> calls. On Intel's a training step is some 5 % faster
/// with MKL, which needs no transposed copies.
/// </remarks>
internal static class LinearProduct
{
    /// <summary>Whether MKL is at home here.</summary>
    public static bool IsIntel { get; } = X86Base.IsSupported && X86Base.CpuId(0, 0) is (_, 0x756E6547, 0x6C65746E, 0x49656E69); // "GenuineIntel"

    /// <summary>Whether this is the faster way on this processor; otherwise, and for a handful of rows, use libtorch's <c>linear</c>.</summary>
    /// <remarks>Decided by the maker's name and not by a clock, as the last digits depend on it.</remarks>
    public static bool IsFaster(Tensor x) => !IsIntel && Fits(x);

    /// <summary>Whether oneDNN is there and takes such a matrix.</summary>
    public static bool Fits(Tensor x) =>
        AtenOperators.HasPackedLinear && x.dtype == ScalarType.Float32 && x.device_type == DeviceType.CPU && x.dim() == 2 && x.size(0) >= 64;

    /// <summary>[N, in] → [N, out]</summary>
    /// <param name="x">[N, in]</param>
    /// <param name="weight">[out, in], or [in, out] where <paramref name="transposed"/>.</param>
    /// <param name="bias">[out]; null for none.</param>
    /// <param name="transposed">Whether the weight lies as GPT-2's does.</param>
    public static Tensor Apply(Tensor x, Tensor weight, Tensor? bias, bool transposed) =>
        !is_grad_enabled() || !(x.requires_grad || weight.requires_grad || bias is { requires_grad: true }) ? Forward(x, weight, bias, transposed)
        : Function.First(x, weight, bias, transposed);

    private static Tensor Forward(Tensor x, Tensor weight, Tensor? bias, bool transposed)
    {
        using var scope = NewDisposeScope();
        using var product = new Weight(weight, transposed, Fits);
        return product.Times(x, bias).MoveToOuterDisposeScope();
    }

    // Xᵀ·dY or the transpose of dYᵀ·X, whichever has less to transpose: [in, out] where transposed, otherwise [out, in].
    private static Tensor ByWeight(Tensor x, Tensor byOutput, bool transposed)
    {
        long n = x.size(0), inputs = x.size(1), outputs = byOutput.size(1);
        var (left, right) = transposed ? (x, byOutput) : (byOutput, x);
        return left.size(1) * n <= (right.size(1) * n) + (inputs * outputs)
            ? AtenOperators.Product(Transposition.Of(left), right)
            : Transposition.Of(AtenOperators.Product(Transposition.Of(right), left));
    }

    /// <summary>A weight that multiplies several matrices; its transposed copy is made once. No gradients.</summary>
    /// <param name="weight">[out, in], or [in, out] where <paramref name="transposed"/>.</param>
    /// <param name="transposed">Whether the weight lies as GPT-2's does.</param>
    /// <param name="throughOneDnn">Which matrices oneDNN multiplies; libtorch the others.</param>
    public sealed class Weight(Tensor weight, bool transposed, Func<Tensor, bool> throughOneDnn) : IDisposable
    {
        private Tensor? other;

        /// <summary>x·Wᵀ + b, [N, in] → [N, out]</summary>
        public Tensor Times(Tensor x, Tensor? bias = null)
        {
            if (!throughOneDnn(x))
            {
                return nn.functional.linear(x, transposed ? weight.t() : weight, bias);
            }

            var inByOut = transposed ? weight : Other();
            return AtenOperators.PackedLinear(x.contiguous(), inByOut.t(), bias);
        }

        /// <summary>y·W, [N, out] → [N, in]</summary>
        public Tensor TransposedTimes(Tensor y)
        {
            if (!throughOneDnn(y))
            {
                return y.mm(transposed ? weight.t() : weight);
            }

            return AtenOperators.Product(y.contiguous(), transposed ? Other() : weight);
        }

        public void Dispose() => other?.Dispose();

        private Tensor Other() => other ??= Transposition.Of(weight).DetachFromDisposeScope();
    }

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var (x, weight, bias, transposed) = ((Tensor)inputs[0]!, (Tensor)inputs[1]!, (Tensor?)inputs[2], (bool)inputs[3]!);
            context.save_data("transposed", transposed);
            context.save_data("trainsBias", bias is { requires_grad: true });
            context.save_for_backward([x, weight]);
            return [LinearProduct.Forward(x, weight, bias, transposed)];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var (x, weight) = (saved[0].contiguous(), saved[1]);
            var transposed = (bool)context.get_data("transposed");
            var byOutput = gradients[0]!.contiguous();  // [N, out]
            // Frozen weights (under adapters) and the first layer's input have no gradient: it is not computed.
            using var product = new Weight(weight, transposed, Fits);
            var byInput = saved[0].requires_grad ? product.TransposedTimes(byOutput) : null;  // [N, in]
            var byWeight = weight.requires_grad ? ByWeight(x, byOutput, transposed) : null;
            return [byInput, byWeight, (bool)context.get_data("trainsBias") ? byOutput.sum([0]) : null, null];
        }
    }
}
