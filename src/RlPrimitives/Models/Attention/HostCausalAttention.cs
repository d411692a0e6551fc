using RlPrimitives.Models.Architectures;
using RlPrimitives.Models.Native;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Models.Attention;

/// <summary>Causal attention within rows laid end to end, float32 on the processor, with gradients; rows of different lengths need no padding.</summary>
/// <remarks>
/// libtorch's kernel computes every score of a padded square and forgets half of them. Here a query meets the keys before it, and those within its
/// window, only. Scores exist for some queries at a time, and the backward pass makes them again from the logarithm of each query's sum
/// (Dao et al. 2022, arXiv:2205.14135). The work is cut the same way whatever the number of threads, so numbers do not depend on it.
/// </remarks>
/// <param name="lengths">Tokens of each row, N in all.</param>
/// <param name="heads">H, query heads.</param>
/// <param name="keyHeads">Hkv, key and value heads; H is a multiple.</param>
internal sealed unsafe class HostCausalAttention(int[] lengths, int heads, int keyHeads)
{
    private const int QueriesAtOnce = 22 * RegisterTile.Rows; // of a forward pass: a long prompt is work for several threads

    /// <summary>Whether it is computed here.</summary>
    public static bool Fits(Tensor heads) => HostOperations.Fits(heads);

    /// <summary>softmax(q·Kᵀ/√hd)·V of every token over itself and those before it in its row.</summary>
    /// <param name="joint">Queries, keys and values, [N, H + 2·Hkv, hd].</param>
    /// <param name="window">How many tokens, itself included, a token sees at most.</param>
    /// <returns>[N, H·hd]</returns>
    public Tensor Apply(Tensor joint, int window) =>
        is_grad_enabled() && joint.requires_grad ? Function.First(joint, this, window) : Forward(joint, window).Result;

    // [N, H·hd], and the logarithm of each query's sum of exponentials, [N, H].
    private (Tensor Result, float[] LogSums) Forward(Tensor joint, int window)
    {
        using var rows = new HeadRows(joint);
        var result = empty(joint.size(0), heads * rows.Width);
        using var shaped = result.view(-1, heads, rows.Width);
        using var to = new HeadRows(shaped);
        var logSums = new float[joint.size(0) * heads];
        ForEach(Cuts(QueriesAtOnce), (cut, keyHead) =>
        {
            using var piece = new CausalPiece(rows, heads + keyHead, heads + keyHeads + keyHead, cut.Offset, cut.From, cut.To, window, withGradients: false);
            foreach (var head in QueryHeads(keyHead))
            {
                piece.Forward(rows, head, to, logSums);
            }
        });
        return (result, logSums);
    }

    private Tensor Backward(Tensor joint, int window, float[] logSums, Tensor gradient)
    {
        using var rows = new HeadRows(joint);
        using var shaped = gradient.view(-1, heads, rows.Width);
        using var by = new HeadRows(shaped);
        var result = empty(joint.shape);
        using var to = new HeadRows(result);
        // A row whole, as its queries' gradients by a key are summed.
        ForEach(Cuts(int.MaxValue), (cut, keyHead) =>
        {
            using var piece = new CausalPiece(rows, heads + keyHead, heads + keyHeads + keyHead, cut.Offset, cut.From, cut.To, window, withGradients: true);
            foreach (var head in QueryHeads(keyHead))
            {
                piece.Backward(rows, by, head, logSums, to);
            }

            piece.WriteKeyGradients(to);
        });
        return result;
    }

    private Cut[] Cuts(int mostQueries)
    {
        var cuts = new List<Cut>();
        var offset = 0L;
        foreach (var length in lengths)
        {
            for (var from = 0; from < length; from += Math.Min(mostQueries, length - from))
            {
                cuts.Add(new Cut(offset, from, from + Math.Min(mostQueries, length - from)));
            }

            offset += length;
        }

        return [.. cuts.OrderByDescending(c => (c.To - c.From) * (long)c.To)]; // the longest first, so that no thread is left with one at the end
    }

    // Every piece and key head.
    private void ForEach(Cut[] cuts, Action<Cut, int> body) =>
        ComputeTeam.For(cuts.Length * keyHeads, get_num_threads(), i => body(cuts[i / keyHeads], i % keyHeads));

    // Those that share a key head.
    private IEnumerable<int> QueryHeads(int keyHead) => Enumerable.Range(keyHead * (heads / keyHeads), heads / keyHeads);

    /// <summary>Queries <paramref name="From"/> … <paramref name="To"/>−1 of a row that begins at token <paramref name="Offset"/>.</summary>
    private readonly record struct Cut(long Offset, int From, int To);

    private sealed class Function : GraphFunction<Function>
    {
        protected override Tensor[] Forward(autograd.AutogradContext context, object?[] inputs)
        {
            var (joint, attention, window) = ((Tensor)inputs[0]!, (HostCausalAttention)inputs[1]!, (int)inputs[2]!);
            var (result, logSums) = attention.Forward(joint, window);
            context.save_for_backward([joint]);
            context.save_data("attention", attention);
            context.save_data("window", window);
            context.save_data("logSums", logSums);
            return [result];
        }

        protected override Tensor?[] Backward(autograd.AutogradContext context, Tensor[] saved, Tensor?[] gradients)
        {
            var attention = (HostCausalAttention)context.get_data("attention");
            return [attention.Backward(saved[0], (int)context.get_data("window"), (float[])context.get_data("logSums"), gradients[0]!.contiguous()), null, null];
        }
    }
}
