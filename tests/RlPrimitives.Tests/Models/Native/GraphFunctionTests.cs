using RlPrimitives.Models;
using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Tests.Models.Native;

/// <summary>Operations of our own in autograd's graph.</summary>
[Collection(nameof(Alone))]
public class GraphFunctionTests
{
    [Fact]
    public void A_backward_pass_holds_no_more_gradients_at_its_end_than_a_short_one()
    {
        var (few, many) = (GradientsHeld(layers: 4), GradientsHeld(layers: 40));
        Assert.InRange(many, few - 2, few + 2);
    }

    [Fact]
    public void A_gradient_that_is_passed_on_as_it_came_arrives() => TensorThread.RunOnce(() =>
    {
        using var scope = NewDisposeScope();
        var x = ones(3).requires_grad_(true);
        (Probe.First(Probe.First(x)) * arange(3)).sum().backward();
        Assert.Equal([0f, 1f, 2f], x.grad!.data<float>().ToArray());
        return 0;
    });

    // Tensors that the first layer's backward pass finds alive beyond those before the pass.
    private static long GradientsHeld(int layers) => TensorThread.RunOnce(() =>
    {
        using var scope = NewDisposeScope();
        var x = ones(4, 8).requires_grad_(true);
        var y = Probe.First(x);
        for (var i = 0; i < layers; i++)
        {
            y = GeluTanh.Apply(y);
        }

        var loss = y.sum();
        var before = Tensor.TotalCount;
        loss.backward();
        return Probe.Live - before;
    });

    private sealed class Probe : GraphFunction<Probe>
    {
        public static long Live { get; private set; }

        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs) => [((Tensor)inputs[0]!).alias()];

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            Live = Tensor.TotalCount;
            return [gradients[0]];
        }
    }
}
