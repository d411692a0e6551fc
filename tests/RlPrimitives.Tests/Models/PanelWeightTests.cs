using RlPrimitives.Models;
using RlPrimitives.Models.Architectures;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Tests.Models;

public class PanelWeightTests
{
    private const string Reason = "The processor has no 512-bit registers, or is slow with them.";

    [SkippableTheory]
    [InlineData(1, 1)]
    [InlineData(7, 5)]
    [InlineData(16, 16)]
    [InlineData(50, 33)]
    [InlineData(384, 1152)]
    [InlineData(300, 4097)]
    public void Its_product_is_libtorchs_for_any_number_of_rows(int inputs, int outputs)
    {
        Skip.IfNot(PanelWeight.IsSupported, Reason);
        TensorThread.RunOnce(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            Tensor weight = Random(1, outputs, inputs), bias = Random(2, outputs);
            // As it lies, as GPT-2's lies, and with rows and columns apart.
            Tensor[] layouts = [weight, weight.t().contiguous().t(), cat([weight, weight], 1).view(outputs, 2, inputs).transpose(1, 2).contiguous()[.., .., 0]];
            foreach (var layout in layouts)
            {
                using PanelWeight biased = new(layout, bias), plain = new(layout, null);
                foreach (var rows in new[] { 1, 2, 4, 5, 15, 16, 17, 20, 21, 64, 70 })
                {
                    var x = Random(3, rows, inputs);
                    var expected = x.to(ScalarType.Float64).mm(layout.to(ScalarType.Float64).t());
                    var tolerance = 1e-6 * Math.Sqrt(inputs) * 10;
                    Assert.InRange((plain.Times(x) - expected).abs().max().item<double>(), 0, tolerance);
                    Assert.InRange((biased.Times(x) - expected - bias).abs().max().item<double>(), 0, tolerance);
                }
            }

            return 0;
        });
    }

    [SkippableFact]
    public void A_rows_result_does_not_depend_on_its_company()
    {
        Skip.IfNot(PanelWeight.IsSupported, Reason);
        TensorThread.RunOnce(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var weight = new PanelWeight(Random(1, 200, 300), Random(2, 200));
            var x = Random(3, 64, 300);
            var together = weight.Times(x);
            foreach (var (first, count) in new[] { (0, 1), (5, 1), (16, 3), (20, 16), (60, 4), (3, 37) })
            {
                Assert.True(weight.Times(x.narrow(0, first, count)).equal(together.narrow(0, first, count)).all().item<bool>());
            }

            return 0;
        });
    }

    [SkippableFact]
    public void What_is_no_number_stays_in_its_row()
    {
        Skip.IfNot(PanelWeight.IsSupported, Reason);
        TensorThread.RunOnce(() =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var weight = new PanelWeight(Random(1, 33, 20), null);
            var x = Random(2, 6, 20);
            x[3, 7] = float.NaN;
            var finite = weight.Times(x).isfinite();
            Assert.False(finite[3].any().item<bool>());
            Assert.Equal(5 * 33, finite.sum().item<long>());
            return 0;
        });
    }

    private static Tensor Random(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed, CPU);
        return randn(shape, generator: generator);
    }
}
