using RlPrimitives.Models.Attention;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models.Architectures;

/// <summary>Runs a layer so that its input alone is kept, and runs it again in the backward pass (Chen et al. 2016, arXiv:1604.06174).</summary>
/// <remarks>
/// The backward pass of the layer takes place inside that of the whole, as in PyTorch's reentrant checkpointing, and gives bit for bit the same
/// gradients. Tensors needed again go through autograd's own saving, so they live as long as the graph and no longer, whatever the caller disposes.
/// </remarks>
internal sealed class LayerRecomputation
{
    private readonly nn.Module module;
    private readonly ModelConfig config;
    private readonly PackedTokens tokens; // its lengths; the tensors may be gone by then
    private readonly Func<Tensor, Tensor[], IAttention, Tensor> layer;

    private LayerRecomputation(nn.Module module, ModelConfig config, PackedTokens tokens, Func<Tensor, Tensor[], IAttention, Tensor> layer) =>
        (this.module, this.config, this.tokens, this.layer) = (module, config, tokens, layer);

    /// <summary>The layer's output, [N, D], with gradients for its input and its weights.</summary>
    /// <param name="module">The layer.</param>
    /// <param name="config">The model's shape.</param>
    /// <param name="x">Its input, [N, D].</param>
    /// <param name="kept">Other tensors that it reads; they get no gradient.</param>
    /// <param name="tokens">The rows.</param>
    /// <param name="attention">For the pass now; the backward pass makes its own.</param>
    /// <param name="layer">From input, <paramref name="kept"/> and attention to output.</param>
    public static Tensor Forward(
        nn.Module module, ModelConfig config, Tensor x, Tensor[] kept, PackedTokens tokens, IAttention attention, Func<Tensor, Tensor[], IAttention, Tensor> layer)
    {
        using var scope = NewDisposeScope();
        Tensor y;
        using (no_grad())
        {
            y = layer(x, kept, attention); // here and not in the callback, where an error would end the process
        }

        // Under frozen embeddings the first input has no gradient, and nothing else that apply sees either: the anchor makes the output have one.
        var anchor = zeros([], device: x.device).requires_grad_(true);
        var state = new LayerRecomputation(module, config, tokens, layer);
        object?[] inputs = [x, anchor, .. kept, .. tokens.Tensors, new Computed(y, kept.Length, state)];
        return Function.First(inputs).MoveToOuterDisposeScope();
    }

    private Tensor? Backward(Tensor x, Tensor[] kept, Tensor[] tokenTensors, Tensor byOutput)
    {
        using var attention = new PackedAttention(config, tokens.Over(tokenTensors));
        using var _ = enable_grad();
        var input = x.detach().requires_grad_(x.requires_grad);
        var output = layer(input, kept, attention);
        if (output.requires_grad)
        {
            autograd.backward(output, byOutput);
        }

        return input.grad;
    }

    /// <summary>Makes every gradient of this layer and those before it NaN, so that the step is refused.</summary>
    private Tensor? Spoil(Exception e, Tensor x)
    {
        Console.Error.WriteLine($"A layer could not be computed again in the backward pass, so its gradients are NaN: {e.Message}");
        var adapters = module.modules().OfType<ILinear>().Select(l => l.Update).OfType<LowRankUpdate>().SelectMany(u => new[] { u.A, u.B });
        foreach (var parameter in module.parameters().Concat(adapters).Where(p => !p.IsInvalid && p.requires_grad))
        {
            parameter.grad = full_like(parameter, Scalars.Of(double.NaN));
        }

        return x.requires_grad ? full_like(x, Scalars.Of(double.NaN)) : null;
    }

    private sealed record Computed(Tensor Output, int Kept, LayerRecomputation State);

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var computed = (Computed)inputs[^1]!;
            context.save_for_backward([(Tensor)inputs[0]!, .. inputs[2..^1].Cast<Tensor>()]);
            context.save_data("state", computed.State);
            context.save_data("kept", computed.Kept);
            return [computed.Output.alias()];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var state = (LayerRecomputation)context.get_data("state");
            var kept = (int)context.get_data("kept");
            Tensor? byInput;
            try
            {
                byInput = state.Backward(saved[0], saved[1..(1 + kept)], saved[(1 + kept)..], gradients[0]!);
            }
#pragma warning disable CA1031 // an exception that leaves a native callback ends the process
            catch (Exception e)
#pragma warning restore CA1031
            {
                byInput = state.Spoil(e, saved[0]);
            }

            return [byInput, .. new Tensor?[saved.Length + 1]]; // anchor, the other saved tensors, what was computed
        }
    }
}
