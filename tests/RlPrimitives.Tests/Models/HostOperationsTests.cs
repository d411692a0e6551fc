using RlPrimitives.Models;
using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Tests.Models;

/// <summary>The one-pass kernels beside libtorch's own operations: values and gradients, at sizes that are no multiple of anything.</summary>
public class HostOperationsTests
{
    public static TheoryData<long, long> Sizes => new() { { 1, 1 }, { 3, 7 }, { 5, 16 }, { 33, 50 }, { 300, 384 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Gelu_is_libtorchs_and_so_is_its_gradient(long rows, long width) => AssertSame(
        [Random(1, rows, width) * 4],
        x => GeluTanh.Apply(x[0]),
        x => nn.functional.gelu(x[0], TorchSharp.Modules.GELU.Approximate.tanh, inplace: false));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Gelu_of_a_sum_with_a_bias_is_libtorchs_and_so_are_both_gradients(long rows, long width) => AssertSame(
        [Random(1, rows, width) * 4, Random(2, width)],
        x => GeluTanh.Apply(x[0], x[1]),
        x => nn.functional.gelu(x[0] + x[1], TorchSharp.Modules.GELU.Approximate.tanh, inplace: false));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Gated_silu_is_libtorchs_and_so_are_its_gradients(long rows, long width) => AssertSame(
        [Random(1, rows, width) * 4, Random(2, rows, width)],
        x => GatedSilu.Apply(x[0], x[1]),
        x => nn.functional.silu(x[0]).mul(x[1]));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Gated_silu_of_halves_is_libtorchs_and_so_is_its_gradient(long rows, long width) => AssertSame(
        [Random(1, rows, 2 * width) * 4],
        x => GatedSilu.Apply(x[0]),
        x => nn.functional.silu(x[0].narrow(1, 0, width)).mul(x[0].narrow(1, width, width)));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Rms_norm_is_the_formulas_and_so_are_its_gradients(long rows, long width) => AssertSame(
        [Random(1, rows, 2, width), Random(2, width)],
        x => ResidualNorm.Normed(new ResidualStream(x[0]), x[1], null, 1e-6),
        x => RmsNorm(x[0], x[1]));

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Layer_norm_is_libtorchs_and_so_are_its_gradients(long rows, long width)
    {
        width = Math.Max(2, width); // of one number all gradients are 0, but libtorch's differ from it by its last digit times 1/√ε
        AssertSame(
            [Random(1, rows, 2, width) + 3, Random(2, width), Random(3, width)],
            x => ResidualNorm.Normed(new ResidualStream(x[0]), x[1], x[2], 1e-5),
            x => nn.functional.layer_norm(x[0], [width], x[1], x[2], 1e-5));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void The_norm_of_a_residual_sum_is_libtorchs_and_so_are_all_gradients(long rows, long width)
    {
        // Both results are used further, as in a block; or the norm alone, as after the last one.
        Tensor[] inputs = [Random(1, rows, width), Random(2, rows, width), Random(3, width), Random(4, width), Random(5, width)];
        AssertSame(
            inputs[..4],
            x => Both(ResidualNorm.Apply(new ResidualStream(x[0], x[1], x[2]), x[3], null, 1e-6)),
            x => (x[0] + (x[1] + x[2])) is var sum ? Both((sum, RmsNorm(sum, x[3]))) : null!);
        AssertSame(
            inputs,
            x => Both(ResidualNorm.Apply(new ResidualStream(x[0], x[1], x[2]), x[3], x[4], 1e-5)),
            x => (x[0] + (x[1] + x[2])) is var sum ? Both((sum, nn.functional.layer_norm(sum, [width], x[3], x[4], 1e-5))) : null!);
        AssertSame(
            [inputs[0], inputs[1], inputs[3]],
            x => ResidualNorm.Normed(new ResidualStream(x[0], x[1]), x[2], null, 1e-6),
            x => RmsNorm(x[0] + x[1], x[2]));
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_residual_sum_is_libtorchs_and_so_are_its_gradients(long rows, long width) => AssertSame(
        [Random(1, rows, width), Random(2, rows, width), Random(3, width)],
        x => new ResidualStream(x[0], x[1], x[2]).Sum(),
        x => x[0] + (x[1] + x[2]));

    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(3, 2, 10)]
    [InlineData(40, 3, 64)]
    [InlineData(300, 8, 64)]
    public void A_rotation_is_the_formulas_and_its_gradient_turns_back(long rows, long heads, long width)
    {
        var angles = Random(9, rows, 1, width / 2);
        Tensor cos = cat([angles.cos(), angles.cos()], 2), sin = cat([angles.sin().neg(), angles.sin()], 2);
        AssertSame(
            [Random(1, rows, heads, width)],
            x => Rotation.Apply(x[0], heads, cos, sin),
            x => x[0].mul(cos) + x[0].roll(width / 2, -1).mul(sin));
        AssertSame(
            [Random(1, rows, heads + 2, width)], // the last two stay as they are
            x => Rotation.Apply(x[0], heads, cos, sin),
            x => cat([x[0].narrow(1, 0, heads).mul(cos) + x[0].narrow(1, 0, heads).roll(width / 2, -1).mul(sin), x[0].narrow(1, heads, 2)], 1));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 50)]
    [InlineData(50, 1)]
    [InlineData(16, 16)]
    [InlineData(47, 33)]
    [InlineData(130, 257)]
    public void A_transposed_copy_holds_the_same_numbers(long rows, long columns)
    {
        using var _ = no_grad();
        var matrix = Random(1, rows, columns);
        Assert.True(Transposition.Of(matrix).equal(matrix.t()).all().item<bool>());
        var part = Random(2, rows + 3, columns + 5).narrow(0, 1, rows).narrow(1, 2, columns); // rows lie apart
        Assert.True(Transposition.Of(part).equal(part.t()).all().item<bool>());
        Assert.True(Transposition.Of(matrix.t()).equal(matrix).all().item<bool>());
        Assert.True(Transposition.Of(matrix).is_contiguous());
    }

    [Theory]
    [InlineData(64, 5, 3, true)]
    [InlineData(65, 40, 7, false)] // the gradient of the weight from the transposed output's gradient, or from the transposed input
    [InlineData(65, 7, 40, false)]
    [InlineData(200, 96, 384, true)]
    [InlineData(200, 384, 96, true)]
    public void A_linear_product_is_libtorchs_and_so_are_its_gradients(long n, long inputs, long outputs, bool hasBias)
    {
        Assert.True(LinearProduct.Fits(Random(1, n, inputs)), "oneDNN is not there: nothing would be tested");
        foreach (var transposed in new[] { false, true })
        {
            var weight = (transposed ? Random(2, inputs, outputs) : Random(2, outputs, inputs)) / Math.Sqrt(inputs);
            Tensor[] given = hasBias ? [Random(1, n, inputs), weight, Random(3, outputs)] : [Random(1, n, inputs), weight];
            AssertSame(
                given,
                x => LinearProduct.Apply(x[0], x[1], x.ElementAtOrDefault(2), transposed),
                x => nn.functional.linear(x[0], transposed ? x[1].t() : x[1], x.ElementAtOrDefault(2)));
        }
    }

    [Fact]
    public void Intels_processors_multiply_through_mkl()
    {
        var maker = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("vendor_id", StringComparison.Ordinal));
        Assert.Equal(maker?.Contains("GenuineIntel", StringComparison.Ordinal) != true, LinearProduct.IsFaster(Random(1, 100, 8)));
        Assert.False(LinearProduct.IsFaster(Random(1, 10, 8))); // a handful of rows
    }

    [Theory]
    [InlineData(300, true)] // one product
    [InlineData(300, false)]
    [InlineData(3, true)] // too few rows: several
    public void A_joint_layer_is_its_parts_side_by_side_and_so_are_its_gradients(long n, bool hasBias)
    {
        TensorThread.RunOnce(() =>
        {
            var x = Random(1, n, 20);
            var results = new Func<Dense[], Tensor, Tensor>[]
            {
                (parts, input) => new JointDense(parts).Forward(input),
                (parts, input) => cat([.. parts.Select(p => nn.functional.linear(input, p.weight, p.bias))], 1),
            }.Select(function =>
            {
                var parts = Enumerable.Range(1, 3).Select(i => Part(i, hasBias)).ToArray();
                var input = x.clone().requires_grad_(true);
                var y = function(parts, input);
                (y * Random(77, y.shape)).sum().backward();
                return parts.SelectMany(p => hasBias ? new[] { p.weight.grad!, p.bias!.grad! } : [p.weight.grad!]).Prepend(input.grad!).Prepend(y.detach()).ToArray();
            }).ToArray();
            Assert.All(results[0].Zip(results[1]), pair => Equal(pair.First, pair.Second));
            return 0;
        });
    }

    [Fact]
    public void Parts_of_a_larger_product_are_read_where_they_lie()
    {
        using var _ = no_grad();
        var both = Random(1, 9, 40);
        Equal(GatedSilu.Apply(both.narrow(1, 4, 20)), nn.functional.silu(both.narrow(1, 4, 10)).mul(both.narrow(1, 14, 10)));
        var heads = Random(2, 9, 5, 8);
        var (cos, sin) = (Random(3, 9, 1, 8), Random(4, 9, 1, 4));
        sin = cat([sin.neg(), sin], 2);
        cos = cat([cos.narrow(2, 0, 4), cos.narrow(2, 0, 4)], 2);
        Equal(Rotation.Apply(heads.narrow(1, 1, 3), 3, cos, sin), heads.narrow(1, 1, 3).mul(cos) + heads.narrow(1, 1, 3).roll(4, -1).mul(sin));
        Equal(Rotation.Apply(heads.transpose(0, 1).contiguous().transpose(0, 1), 5, cos, sin), heads.mul(cos) + heads.roll(4, -1).mul(sin));
        var some = heads.narrow(1, 1, 3);
        Equal(ResidualNorm.Normed(new ResidualStream(some), ones(8), null, 1e-6), RmsNorm(some, ones(8)));
        Equal(ResidualNorm.Normed(new ResidualStream(some, some), ones(8), null, 1e-6), RmsNorm(some + some, ones(8)));
    }

    [Fact]
    public void An_exponential_is_right_to_two_units_of_the_last_place()
    {
        static unsafe float[] Of<T>(float x)
            where T : struct, ILanes<T>
        {
            var results = new float[T.Count];
            fixed (float* to = results)
            {
                HostOperations.Exp(T.Spread(x)).Store(to);
            }

            return results;
        }

        static float[] At(float x) => [.. Of<OneLane>(x), .. Of<Lanes>(x), .. Lanes512.AreFast ? Of<Lanes512>(x) : []];
        for (var x = -87.29f; x < 88.29f; x += 0.0137f)
        {
            var exact = Math.Exp(x);
            Assert.All(At(x), y => Assert.InRange(Math.Abs(y - exact), 0, 2.5e-7 * exact));
        }

        foreach (var (x, y) in new[] { (0f, 1f), (-88f, 0f), (float.NegativeInfinity, 0f), (89f, float.PositiveInfinity), (float.PositiveInfinity, float.PositiveInfinity), (float.NaN, float.NaN) })
        {
            Assert.All(At(x), z => Assert.Equal(y, z));
        }
    }

    [Fact]
    public void Extreme_values_stay_what_they_should_be()
    {
        using var _ = no_grad();
        Equal(GeluTanh.Apply(tensor(new float[] { 0, -1e4f, 1e4f, -30, 30, 1e19f, -1e19f, 1e-38f, 3, -3, 5, -5 })), tensor(new[] { 0, 0, 1e4f, 0, 30, 1e19f, 0, 0, 2.9963627f, -0.0036373f, 4.99999977f, -2.29e-7f }));
        Assert.True(GeluTanh.Apply(tensor(new[] { float.NaN })).isnan().all().item<bool>());
    }

    private static Dense Part(int i, bool hasBias)
    {
        using var _ = no_grad();
        var part = new Dense(20, 7 * i, hasBias);
        part.weight.copy_(Random(i, part.weight.shape));
        part.bias?.copy_(Random(10 + i, part.bias.shape));
        return part;
    }

    private static Tensor Random(long seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randn(shape, generator: generator);
    }

    private static Tensor RmsNorm(Tensor x, Tensor weight) => x.mul(x.square().mean([-1], keepdim: true).add(1e-6).rsqrt()).mul(weight);

    private static Tensor Both((Tensor Sum, Tensor Normed) results) => results.Sum.sin() + results.Normed;

    private static void AssertSame(Tensor[] inputs, Func<Tensor[], Tensor> ours, Func<Tensor[], Tensor> theirs) => TensorThread.RunOnce(() =>
    {
        var results = new[] { ours, theirs }.Select(function =>
        {
            var own = inputs.Select(x => x.detach().clone().requires_grad_(true)).ToArray();
            var result = function(own);
            (result * Random(77, result.shape)).sum().backward();
            return own.Select(x => x.grad!).Prepend(result.detach()).ToArray();
        }).ToArray();
        foreach (var (a, b) in results[0].Zip(results[1]))
        {
            Equal(a, b);
        }

        return 0;
    });

    private static void Equal(Tensor a, Tensor b)
    {
        Assert.Equal(b.shape, a.shape);
        Assert.True(a.allclose(b, rtol: 1e-4, atol: 1e-5), $"largest difference {(a - b).abs().max().item<float>()}");
    }
}
