using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Log-probs (nats) of given tokens and the entropy at each place, from features and the output head, in chunks.</summary>
/// <remarks>
/// Logits of a whole batch, [M, V] in float32, would be by far the largest tensor of a training step. Here only a chunk exists at a time:
/// the forward pass keeps nothing of it (unless one chunk is all), the backward pass makes it again.
/// </remarks>
public static class TokenLogProbs
{
    private const long LogitsAtOnce = 16 << 20; // floats: 64 MB

    /// <summary>Log-probs and entropies with gradients for features and head.</summary>
    /// <param name="hidden">Features, [M, D].</param>
    /// <param name="head">Output head, [V, D].</param>
    /// <param name="targets">Ids in [0, V), int64 [M].</param>
    /// <param name="temperature">Divides the logits, above 0.</param>
    /// <param name="withEntropy">Whether the entropy is wanted; it costs two more passes over the logits.</param>
    /// <param name="logitsAtOnce">Most logits in memory at once, floats.</param>
    /// <returns>[2, M]: log-probs; entropies, nats (zeros where not wanted).</returns>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public static Tensor Compute(Tensor hidden, Tensor head, Tensor targets, double temperature = 1, bool withEntropy = true, long logitsAtOnce = LogitsAtOnce)
    {
        if (hidden.dim() != 2 || head.dim() != 2 || targets.dim() != 1 || hidden.size(1) != head.size(1) || hidden.size(0) != targets.size(0))
        {
            throw new ArgumentException($"hidden [{string.Join(", ", hidden.shape)}] must be [M, D], head [{string.Join(", ", head.shape)}] [V, D] and " +
                $"targets [{string.Join(", ", targets.shape)}] [M].", nameof(hidden));
        }

        if (!(temperature > 0))
        {
            throw new ArgumentOutOfRangeException(nameof(temperature), temperature, "Temperature must be above 0: greedy samples have no gradient.");
        }

        var chunk = (int)Math.Max(1, logitsAtOnce / head.size(0));
        return is_grad_enabled() && (hidden.requires_grad || head.requires_grad)
            ? Function.apply(hidden, head, targets, temperature, withEntropy, chunk)
            : Forward(hidden, head, targets, temperature, withEntropy, chunk, keep: false).Result; // no backward pass would free it
    }

    // [2, M]: log-probs, entropies; and all log-probs, [M, V], where they are to be kept and one chunk held them.
    private static (Tensor Result, Tensor? Kept) Forward(Tensor hidden, Tensor head, Tensor targets, double temperature, bool withEntropy, int chunk, bool keep)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var count = hidden.size(0);
        var result = zeros([2, count], dtype: ScalarType.Float32, device: hidden.device);
        Tensor? kept = null;
        for (long start = 0; start < count; start += chunk)
        {
            using var step = NewDisposeScope();
            var size = Math.Min(chunk, count - start);
            var logProbs = LogSoftmax(hidden.narrow(0, start, size), head, temperature);  // [c, V]
            result[0].narrow(0, start, size).copy_(logProbs.gather(1, targets.narrow(0, start, size).unsqueeze(1)).squeeze(1));
            if (withEntropy)
            {
                result[1].narrow(0, start, size).copy_(logProbs.exp().mul_(logProbs).sum(1).neg_());
            }

            kept = keep && size == count ? logProbs.DetachFromDisposeScope() : null;
        }

        return (result.MoveToOuterDisposeScope(), kept);
    }

    private static Tensor LogSoftmax(Tensor hidden, Tensor head, double temperature)
    {
        var logits = LinearProduct.Fits(hidden) ? LinearProduct.Apply(hidden, head, null, transposed: false) : nn.functional.linear(hidden, head);
        if (logits.dtype != ScalarType.Float32)
        {
            logits = logits.to(ScalarType.Float32);
        }

        return (temperature == 1 ? logits : logits.div_(Scalars.Of(temperature))).log_softmax(1);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(TokenLogProbs);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (hidden, head, targets) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
            var (temperature, withEntropy, chunk) = ((double)vars[3], (bool)vars[4], (int)vars[5]);
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var (result, kept) = Forward(hidden, head, targets, temperature, withEntropy, chunk, keep: true);
            ctx.save_data("temperature", temperature);
            ctx.save_data("chunk", chunk);
            // Only inputs may go through save_for_backward; what was computed here is handed over as it is, and freed by the backward pass.
            ctx.save_for_backward([hidden, head, targets]);
            ctx.save_data("computed", new Computed(withEntropy ? result[1].clone().DetachFromDisposeScope() : null, kept));
            return result.MoveToOuterDisposeScope();
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var saved = ctx.get_saved_variables();
            var (hidden, head, targets) = (saved[0], saved[1], saved[2]);
            using var computed = (Computed)ctx.get_data("computed");
            var (entropies, kept) = computed;
            var temperature = (double)ctx.get_data("temperature");
            var chunk = (int)ctx.get_data("chunk");
            var count = hidden.size(0);
            var entropyMatters = entropies is not null && grad_output[1].count_nonzero().item<long>() > 0;
            // A frozen head (under adapters) has no gradient to compute. Over chunks it sums in float32, whatever the head's type.
            var hiddenGradient = hidden.requires_grad ? empty_like(hidden) : null;
            var headGradient = head.requires_grad ? zeros_like(head, dtype: ScalarType.Float32) : null;
            for (long start = 0; start < count; start += chunk)
            {
                using var step = NewDisposeScope();
                var size = Math.Min(chunk, count - start);
                var features = hidden.narrow(0, start, size);
                var logProbs = kept ?? LogSoftmax(features, head, temperature);  // [c, V]
                var byLogProb = grad_output[0].narrow(0, start, size).unsqueeze(1);  // [c, 1]
                var probs = logProbs.exp();  // [c, V]
                // ∂lp/∂z = onehot − p;  ∂H/∂z = −p·(log p + H)
                Tensor logitsGradient;
                if (entropyMatters)
                {
                    var byEntropy = grad_output[1].narrow(0, start, size).unsqueeze(1);
                    var entropy = entropies!.narrow(0, start, size).unsqueeze(1);
                    logitsGradient = probs.mul_(logProbs.Plus(entropy).mul_(byEntropy).Plus_(byLogProb)).neg_();
                }
                else
                {
                    logitsGradient = probs.mul_(byLogProb).neg_();
                }

                logitsGradient.scatter_add_(1, targets.narrow(0, start, size).unsqueeze(1), byLogProb);
                logitsGradient = (temperature == 1 ? logitsGradient : logitsGradient.div_(Scalars.Of(temperature))).to(head.dtype);
                hiddenGradient?.narrow(0, start, size).copy_(
                    LinearProduct.Fits(logitsGradient) ? LinearProduct.Apply(logitsGradient, head, null, transposed: true) : logitsGradient.mm(head));
                if (head.dtype == ScalarType.Float32)
                {
                    headGradient?.addmm_(logitsGradient.t(), features, 1, 1);
                }
                else
                {
                    headGradient?.Plus_(logitsGradient.t().mm(features));
                }
            }

            return [hiddenGradient?.MoveToOuterDisposeScope()!, headGradient?.to(head.dtype).MoveToOuterDisposeScope()!, null!, null!, null!, null!];
        }
    }

    /// <summary>What the forward pass hands to the backward pass: entropies [M], and all log-probs [M, V] where one chunk held them.</summary>
    private sealed record Computed(Tensor? Entropies, Tensor? LogProbs) : IDisposable
    {
        public void Dispose()
        {
            Entropies?.Dispose();
            LogProbs?.Dispose();
        }
    }
}
