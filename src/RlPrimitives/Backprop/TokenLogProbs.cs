using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>Log-probs (nats) of given tokens and the entropy at each place, from features and the output head, in chunks.</summary>
/// <remarks>
/// Logits of a whole batch, [M, V] in float32, would be by far the largest tensor of a training step. Here only a chunk exists at a time:
/// the forward pass keeps nothing of it (unless all of them are few), the backward pass makes it again.
/// </remarks>
public static class TokenLogProbs
{
    private const long LogitsAtOnce = 16 << 20; // floats: 64 MB
    private const long LogitsInCache = 2 << 20; // floats: 8 MB, which a processor passes over again and again without going to memory
    private const int RowsWorthAProduct = 256;

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

        var most = Math.Max(1, logitsAtOnce / head.size(0));
        var chunk = hidden.device_type == DeviceType.CPU ? Math.Min(most, Math.Max(RowsWorthAProduct, LogitsInCache / head.size(0))) : most;
        return is_grad_enabled() && (hidden.requires_grad || head.requires_grad)
            ? Function.First(hidden, head, targets, temperature, withEntropy, chunk, hidden.size(0) <= most)
            : Forward(hidden, head, targets, temperature, withEntropy, chunk, keep: false).Result; // no backward pass would free it
    }

    // [2, M]: log-probs, entropies; and each chunk's log-probs of the whole vocabulary, [c, V], where they are to be kept.
    private static (Tensor Result, Tensor[]? Kept) Forward(Tensor hidden, Tensor head, Tensor targets, double temperature, bool withEntropy, long chunk, bool keep)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var count = hidden.size(0);
        var result = zeros([2, count], dtype: ScalarType.Float32, device: hidden.device);
        using var product = new LinearProduct.Weight(head, transposed: false, LinearProduct.IsFaster);
        var kept = keep ? new List<Tensor>() : null;
        for (long start = 0; start < count; start += chunk)
        {
            using var step = NewDisposeScope();
            var size = Math.Min(chunk, count - start);
            var logProbs = LogSoftmax(
                hidden.narrow(0, start, size), product, targets.narrow(0, start, size), temperature, result[0].narrow(0, start, size),
                withEntropy ? result[1].narrow(0, start, size) : null);  // [c, V]
            kept?.Add(logProbs.DetachFromDisposeScope());
        }

        return (result.MoveToOuterDisposeScope(), kept?.ToArray());
    }

    // All log-probs, [c, V]; those of the targets, and the entropies where wanted, are written to the results, [c].
    private static Tensor LogSoftmax(Tensor hidden, LinearProduct.Weight head, Tensor targets, double temperature, Tensor targetLogProbs, Tensor? entropies)
    {
        var logits = head.Times(hidden);
        if (HostOperations.Fits(logits))
        {
            HostLogSoftmax.Forward(logits, targets, temperature, targetLogProbs, entropies);
            return logits;
        }

        if (logits.dtype != ScalarType.Float32)
        {
            logits = logits.to(ScalarType.Float32);
        }

        var logProbs = (temperature == 1 ? logits : logits.div_(Scalars.Of(temperature))).log_softmax(1);
        targetLogProbs.copy_(logProbs.gather(1, targets.unsqueeze(1)).squeeze(1));
        entropies?.copy_(logProbs.exp().mul_(logProbs).sum(1).neg_());
        return logProbs;
    }

    // ∂lp/∂z = onehot − p;  ∂H/∂z = −p·(log p + H); in place where it can be.
    private static Tensor LogitsGradient(Tensor logProbs, Tensor targets, double temperature, Tensor byLogProb, Tensor? byEntropy, Tensor? entropies)
    {
        if (HostOperations.Fits(logProbs))
        {
            HostLogSoftmax.Backward(logProbs, targets, temperature, byLogProb.contiguous(), byEntropy?.contiguous(), entropies);
            return logProbs;
        }

        var factor = byEntropy is null ? byLogProb.unsqueeze(1)
            : logProbs.Plus(entropies!.unsqueeze(1)).mul_(byEntropy.unsqueeze(1)).Plus_(byLogProb.unsqueeze(1));
        var gradient = logProbs.exp().mul_(factor).neg_();
        gradient.scatter_add_(1, targets.unsqueeze(1), byLogProb.unsqueeze(1));
        return temperature == 1 ? gradient : gradient.div_(Scalars.Of(temperature));
    }

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var (hidden, head, targets) = ((Tensor)inputs[0]!, (Tensor)inputs[1]!, (Tensor)inputs[2]!);
            var (temperature, withEntropy, chunk) = ((double)inputs[3]!, (bool)inputs[4]!, (long)inputs[5]!);
            var (result, kept) = TokenLogProbs.Forward(hidden, head, targets, temperature, withEntropy, chunk, keep: (bool)inputs[6]!);
            context.save_data("temperature", temperature);
            context.save_data("chunk", chunk);
            // Only inputs may go through save_for_backward; what was computed here is handed over as it is, and freed by the backward pass.
            context.save_for_backward([hidden, head, targets]);
            context.save_data("computed", new Computed(withEntropy ? result[1].clone().DetachFromDisposeScope() : null, kept));
            return [result];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var (hidden, head, targets) = (saved[0], saved[1], saved[2]);
            using var computed = (Computed)context.get_data("computed");
            var (entropies, kept) = computed;
            var temperature = (double)context.get_data("temperature");
            var chunk = (long)context.get_data("chunk");
            var count = hidden.size(0);
            var (byLogProb, byEntropy) = (gradients[0]![0], gradients[0]![1]);  // [M], [M]
            var entropyMatters = entropies is not null && byEntropy.count_nonzero().item<long>() > 0;
            // A frozen head (under adapters) has no gradient to compute. Over chunks it sums in float32, whatever the head's type.
            var hiddenGradient = hidden.requires_grad ? empty_like(hidden) : null;
            var headGradient = head.requires_grad ? zeros_like(head, dtype: ScalarType.Float32) : null;
            using var product = new LinearProduct.Weight(head, transposed: false, LinearProduct.IsFaster);
            for (long start = 0; start < count; start += chunk)
            {
                using var step = NewDisposeScope();
                var size = Math.Min(chunk, count - start);
                var features = hidden.narrow(0, start, size);
                var ids = targets.narrow(0, start, size);
                var logProbs = kept?[start / chunk] ?? LogSoftmax(features, product, ids, temperature, empty(size, device: hidden.device), null);  // [c, V]
                var logitsGradient = LogitsGradient(
                    logProbs, ids, temperature, byLogProb.narrow(0, start, size), entropyMatters ? byEntropy.narrow(0, start, size) : null,
                    entropies?.narrow(0, start, size)).to(head.dtype);
                hiddenGradient?.narrow(0, start, size).copy_(product.TransposedTimes(logitsGradient));
                if (head.dtype == ScalarType.Float32)
                {
                    headGradient?.addmm_(logitsGradient.t(), features, 1, 1);
                }
                else
                {
                    headGradient?.Plus_(logitsGradient.t().mm(features));
                }
            }

            return [hiddenGradient, headGradient?.to(head.dtype), null, null, null, null, null];
        }
    }

    /// <summary>What the forward pass hands to the backward pass: entropies [M], and log-probs [c, V] of each chunk where they were kept.</summary>
    private sealed record Computed(Tensor? Entropies, Tensor[]? LogProbs) : IDisposable
    {
        public void Dispose()
        {
            Entropies?.Dispose();
            foreach (var chunk in LogProbs ?? [])
            {
                chunk.Dispose();
            }
        }
    }
}
