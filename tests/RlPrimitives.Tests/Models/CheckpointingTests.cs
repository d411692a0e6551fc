using System.Runtime.InteropServices;
using RlPrimitives.Backprop;
using RlPrimitives.Models;
using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Attention;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>Layers computed again in the backward pass.</summary>
[Collection(nameof(Alone))]
public class CheckpointingTests
{
    [Theory]
    [InlineData(ModelFamily.Gpt2, false, ScalarType.Float32)]
    [InlineData(ModelFamily.Gpt2, true, ScalarType.Float32)]
    [InlineData(ModelFamily.Llama, false, ScalarType.Float32)]
    [InlineData(ModelFamily.Llama, true, ScalarType.Float32)]
    [InlineData(ModelFamily.Qwen3, false, ScalarType.Float32)]
    [InlineData(ModelFamily.Mistral, false, ScalarType.Float32)]
    [InlineData(ModelFamily.Llama, false, ScalarType.BFloat16)]
    [InlineData(ModelFamily.Llama, true, ScalarType.BFloat16)]
    public void Loss_and_gradients_are_bit_for_bit_those_without(ModelFamily family, bool lora, ScalarType type)
    {
        using var folder = new TemporaryFolder();
        using var fresh = CausalLM.Create(LoraTests.Config(family) with { SlidingWindow = family == ModelFamily.Mistral ? 4 : null }, seed: 1);
        fresh.Save(folder.Path);
        using var model = CausalLM.FromPretrained(folder.Path, type: type);
        if (lora)
        {
            model.AddLora(seed: 2);
            LoraTests.Disturb(model);
        }

        foreach (var rows in new int[][][] { [[1, 2, 3, 4, 5, 6, 7, 8]], [[1, 2, 3], [4, 5, 6, 7, 8, 9, 10], [11, 12]], [[.. Enumerable.Range(0, 50)], [.. Enumerable.Range(3, 40)]] })
        {
            var (loss, gradients) = LossAndGradients(model, rows, checkpoint: false);
            var (lossAgain, gradientsAgain) = LossAndGradients(model, rows, checkpoint: true);
            Assert.Equal(loss, lossAgain);
            foreach (var (name, gradient) in gradients)
            {
                Assert.True(gradient.AsSpan().SequenceEqual(gradientsAgain[name]), name);
                Assert.Contains(gradient, g => g != 0);
            }
        }
    }

    [Fact]
    public void The_backward_pass_needs_nothing_that_the_caller_has_disposed()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Fresh();
        Tensor hidden;
        using (NewDisposeScope())
        {
            using var tokens = model.Pack([[1, 2, 3], [4, 5]]);
            hidden = model.Hidden(tokens, checkpointActivations: true).MoveToOuterDisposeScope();
        }

        hidden.sum().backward();
        Assert.All(model.Parameters, p => Assert.True(p.Parameter.grad!.isfinite().all().item<bool>(), p.Name));
    }

    [SkippableFact]
    public void Between_the_passes_far_less_memory_is_held()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The allocator is asked through glibc.");
        using var model = CausalLM.Create(LoraTests.Config(ModelFamily.Llama) with { Layers = 8, Width = 64, HeadDimension = 16, FeedForwardWidth = 192, ContextLength = 512 }, seed: 1);
        Held(false); // allocates what stays
        var (without, with) = (Median(false), Median(true));
        var inputs = 2048L * 64 * 4 * 8; // of the layers, which is what must be kept
        Assert.InRange(with, inputs, 2 * inputs);
        Assert.True(without > 6 * with, $"{without >> 10} KB without, {with >> 10} KB with");

        // The allocator counts the whole process: what others still hold may be freed in between.
        long Median(bool checkpoint) => Enumerable.Range(0, 3).Select(_ => Held(checkpoint)).Order().ElementAt(1);

        long Held(bool checkpoint)
        {
            using var scope = NewDisposeScope();
            using var tokens = model.Pack(Enumerable.Range(0, 4).Select(r => Enumerable.Range(r, 512).Select(i => i % 64).ToArray()).ToArray());
            for (var round = 0; round < 3; round++) // what a finaliser lets go of may itself wait for one
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }

            var before = BytesInUse();
            var sum = model.Hidden(tokens, checkpoint).sum();
            var held = BytesInUse() - before;
            sum.backward();
            foreach (var (_, p) in model.Parameters)
            {
                p.grad = null;
            }

            return held;
        }
    }

    [Fact]
    public void Where_nothing_trains_the_features_have_no_gradient()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Fresh();
        using var frozen = model.Clone();
        using var tokens = model.Pack([[1, 2, 3]]);
        Assert.False(frozen.Hidden(tokens, checkpointActivations: true).requires_grad);
        model.AddLora();
        Assert.True(model.Hidden(tokens, checkpointActivations: true).requires_grad);
        Assert.False(model.RunWithoutLora(() => model.Hidden(tokens, checkpointActivations: true)).requires_grad);
        using var _ = no_grad();
        Assert.False(model.Hidden(tokens, checkpointActivations: true).requires_grad);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_layer_that_fails_the_second_time_spoils_its_gradients_and_does_not_end_the_process(bool inputTrains)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Fresh();
        using var tokens = model.Pack([[1, 2, 3]]);
        using var attention = new PackedAttention(model.Config, tokens);
        using var layer = new Dense(4, 4, false);
        using (no_grad())
        {
            layer.weight.fill_(1);
        }

        var x = ones(3, 4).requires_grad_(inputTrains);
        var calls = 0;
        var y = LayerRecomputation.Forward(layer, model.Config, x, [], tokens, attention, (input, _, _) =>
            calls++ == 0 ? layer.Forward(input) : throw new InvalidOperationException("the test says so"));
        y.sum().backward();
        Assert.Equal(2, calls);
        Assert.True(layer.weight.grad!.isnan().all().item<bool>());
        Assert.True(!inputTrains || x.grad!.isnan().all().item<bool>());
        using var optimizer = new AdamW([layer.weight]);
        Assert.False(double.IsFinite(optimizer.ClipGradients(1)));
    }

    [Fact]
    public void Recomputed_layers_leave_no_tensor_behind()
    {
        using var model = TinyModels.Fresh();
        model.AddLora();
        long before = 0;
        for (var i = 0; i < 30; i++)
        {
            LossAndGradients(model, [[1, 2, 3], [4, 5, 6, 7]], checkpoint: true);
            if (i == 5)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                before = Tensor.TotalCount;
            }
        }

        Assert.True(Tensor.TotalCount <= before, $"{before} → {Tensor.TotalCount} live tensors");
    }

    private static (float Loss, Dictionary<string, float[]> Gradients) LossAndGradients(CausalLM model, int[][] rows, bool checkpoint)
    {
        using var scope = NewDisposeScope();
        using var tokens = model.Pack(rows.Select(r => r[..^1]).ToArray());
        var targets = tensor(rows.SelectMany(r => r[1..]).Select(i => (long)i).ToArray());
        var loss = TokenLogProbs.Compute(model.Hidden(tokens, checkpoint), model.HeadWeight, targets).sum();
        loss.backward();
        var gradients = model.TrainableParameters.ToDictionary(p => p.Name, p => LoraTests.Values(p.Parameter.grad!));
        foreach (var (_, p) in model.TrainableParameters)
        {
            p.grad!.Dispose();
            p.grad = null;
        }

        return (loss.item<float>(), gradients);
    }

    // What malloc has handed out, in all arenas; libtorch's CPU tensors are among it.
    private static long BytesInUse()
    {
        var info = mallinfo2();
        return (long)(info.AllocatedSmall + info.Mapped);
    }

    [DllImport("libc")]
    private static extern MallocInfo mallinfo2();

    [StructLayout(LayoutKind.Sequential)]
    private struct MallocInfo
    {
        public nuint Arena, FreeChunks, FastChunks, MappedRegions, Mapped, Unused, FreeFast, AllocatedSmall, Free, Releasable;
    }
}
