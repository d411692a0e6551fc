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
internal sealed unsafe class HostCausalAttention(int[] lengths)
{
    private const int QueriesAtOnce = 22 * RegisterTile.Rows; // of a forward pass: a long prompt is work for several threads

    /// <summary>Whether it is computed here.</summary>
    public static bool Fits(Tensor query) => HostOperations.Fits(query);

    /// <summary>softmax(q·Kᵀ/√hd)·V of every token over itself and those before it in its row.</summary>
    /// <param name="query">[N, H, hd]</param>
    /// <param name="key">[N, Hkv, hd], H a multiple of Hkv.</param>
    /// <param name="value">[N, Hkv, hd]</param>
    /// <param name="window">How many tokens, itself included, a token sees at most.</param>
    /// <returns>[N, H·hd]</returns>
    public Tensor Apply(Tensor query, Tensor key, Tensor value, int window) =>
        is_grad_enabled() && (query.requires_grad || key.requires_grad || value.requires_grad)
            ? Function.apply(query, key, value, this, window)
            : Forward(query, key, value, window).Result;

    // [N, H·hd], and the logarithm of each query's sum of exponentials, [N, H].
    private (Tensor Result, float[] LogSums) Forward(Tensor query, Tensor key, Tensor value, int window)
    {
        using HeadRows q = new(query), k = new(key), v = new(value);
        var result = empty(query.size(0), q.Heads * q.Width);
        var logSums = new float[query.size(0) * q.Heads];
        var to = HostOperations.DataOf(result);
        ForEach(Cuts(QueriesAtOnce), q, k, (cut, keyHead, heads) =>
        {
            using var piece = new CausalPiece(k, v, keyHead, cut.Offset, cut.From, cut.To, window, withGradients: false);
            for (var head = heads.Start; head < heads.End; head++)
            {
                piece.Forward(q, head, to, logSums);
            }
        });
        return (result, logSums);
    }

    private (Tensor Query, Tensor Key, Tensor Value) Backward(Tensor query, Tensor key, Tensor value, int window, float[] logSums, Tensor gradient)
    {
        using var shaped = gradient.view(query.shape);
        using HeadRows q = new(query), k = new(key), v = new(value), by = new(shaped);
        Tensor byQuery = empty(query.shape), byKey = empty(key.shape), byValue = empty(value.shape);
        float* dq = HostOperations.DataOf(byQuery), dk = HostOperations.DataOf(byKey), dv = HostOperations.DataOf(byValue);
        // A row whole, as its queries' gradients by a key are summed.
        ForEach(Cuts(int.MaxValue), q, k, (cut, keyHead, heads) =>
        {
            using var piece = new CausalPiece(k, v, keyHead, cut.Offset, cut.From, cut.To, window, withGradients: true);
            for (var head = heads.Start; head < heads.End; head++)
            {
                piece.Backward(q, by, head, logSums, dq);
            }

            piece.WriteKeyGradients(dk, dv);
        });
        return (byQuery, byKey, byValue);
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

    // Every piece and key head, with the query heads that share it.
    private static void ForEach(Cut[] cuts, HeadRows query, HeadRows key, Action<Cut, int, (int Start, int End)> body)
    {
        var group = query.Heads / key.Heads;
        ComputeTeam.For(cuts.Length * key.Heads, get_num_threads(), i =>
        {
            var keyHead = i % key.Heads;
            body(cuts[i / key.Heads], keyHead, (keyHead * group, (keyHead + 1) * group));
        });
    }

    /// <summary>Queries <paramref name="From"/> … <paramref name="To"/>−1 of a row that begins at token <paramref name="Offset"/>.</summary>
    private readonly record struct Cut(long Offset, int From, int To);

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(HostCausalAttention);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            using var _ = no_grad();
            var (attention, window) = ((HostCausalAttention)vars[3], (int)vars[4]);
            var (result, logSums) = attention.Forward((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], window);
            ctx.save_for_backward([(Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]]);
            ctx.save_data("attention", attention);
            ctx.save_data("window", window);
            ctx.save_data("logSums", logSums);
            return result;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var saved = ctx.get_saved_variables();
            var (byQuery, byKey, byValue) = ((HostCausalAttention)ctx.get_data("attention")).Backward(
                saved[0], saved[1], saved[2], (int)ctx.get_data("window"), (float[])ctx.get_data("logSums"), grad_output);
            return [byQuery.MoveToOuterDisposeScope(), byKey.MoveToOuterDisposeScope(), byValue.MoveToOuterDisposeScope(), null!, null!];
        }
    }
}
