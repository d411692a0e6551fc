using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using TorchSharp;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace RlPrimitives.Tests.Models;

/// <summary>Causal attention within packed rows beside the formula in float64: values and gradients, at sizes that are no multiple of anything.</summary>
public class CausalAttentionTests
{
    private const int NoWindow = int.MaxValue;

    [Theory]
    [InlineData(1, 1, 1, NoWindow, new[] { 1 })]
    [InlineData(2, 2, 10, NoWindow, new[] { 5, 1, 6, 7 })]
    [InlineData(4, 1, 8, NoWindow, new[] { 13, 12, 18 })]
    [InlineData(6, 2, 64, NoWindow, new[] { 128, 3, 131, 40 })]
    [InlineData(6, 3, 24, NoWindow, new[] { 132, 133 })] // a piece, and one with a query more
    [InlineData(3, 3, 33, NoWindow, new[] { 300 })]
    [InlineData(2, 1, 16, 1, new[] { 20, 3 })] // itself only
    [InlineData(4, 2, 16, 5, new[] { 40, 4, 5, 6, 7 })]
    [InlineData(2, 1, 20, 16, new[] { 150, 17 })]
    [InlineData(4, 2, 8, 100, new[] { 400, 99, 101 })]
    [InlineData(2, 2, 8, 140, new[] { 290 })]
    public void It_is_the_formulas_and_so_are_its_gradients(int heads, int keyHeads, int width, int window, int[] lengths)
    {
        var (query, key, value, by) = Inputs(heads, keyHeads, width, lengths);
        var attention = new HostCausalAttention(lengths);
        var ours = Differentiate((q, k, v) => attention.Apply(q, k, v, window), by, query, key, value);
        var expected = Differentiate(
            (q, k, v) => Formula(q, k, v, lengths, window), by.to(ScalarType.Float64), query.to(ScalarType.Float64), key.to(ScalarType.Float64), value.to(ScalarType.Float64));
        foreach (var (name, a, b) in new[] { "result", "by query", "by key", "by value" }.Zip(ours, expected))
        {
            Assert.Equal(b.shape, a.shape);
            var difference = (a.to(ScalarType.Float64) - b).abs().max().item<double>();
            Assert.True(difference < 2e-5, $"{name}: largest difference {difference}");
        }

        using var _ = no_grad();
        Assert.True(attention.Apply(query, key, value, window).equal(ours[0]).all().item<bool>(), "not the same without gradients");
    }

    [Fact]
    public void A_rows_numbers_do_not_depend_on_its_neighbours_or_on_threads()
    {
        int[] lengths = [70, 150, 9];
        var (query, key, value, by) = Inputs(4, 2, 16, lengths);
        var all = Differentiate((q, k, v) => new HostCausalAttention(lengths).Apply(q, k, v, NoWindow), by, query, key, value);
        var threads = get_num_threads();
        try
        {
            set_num_threads(1);
            var again = Differentiate((q, k, v) => new HostCausalAttention(lengths).Apply(q, k, v, NoWindow), by, query, key, value);
            Assert.All(all.Zip(again), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
        }
        finally
        {
            set_num_threads(threads);
        }

        Tensor Row(Tensor x) => x.narrow(0, 70, 150);
        var alone = Differentiate((q, k, v) => new HostCausalAttention([150]).Apply(q, k, v, NoWindow), Row(by), Row(query), Row(key), Row(value));
        Assert.All(all.Zip(alone), pair => Assert.True(Row(pair.First).equal(pair.Second).all().item<bool>()));
    }

    [Fact]
    public void Large_scores_do_not_overflow_and_what_is_not_a_number_stays_in_its_row()
    {
        using var _ = no_grad();
        int[] lengths = [8, 8];
        var (query, key, value, _) = Inputs(2, 1, 8, lengths);
        var attention = new HostCausalAttention(lengths);
        Assert.True(attention.Apply(query * 1e4, key * 1e4, value, NoWindow).isfinite().all().item<bool>());
        query[3] = full_like(query[3], float.NaN);
        var result = attention.Apply(query, key, value, NoWindow);
        Assert.True(result[3].isnan().all().item<bool>());
        Assert.True(result.narrow(0, 8, 8).isfinite().all().item<bool>());
    }

    // As models give them: slices of one product, whose tokens lie apart.
    private static (Tensor Query, Tensor Key, Tensor Value, Tensor By) Inputs(int heads, int keyHeads, int width, int[] lengths)
    {
        using var generator = new Generator(7, CPU);
        var all = randn([lengths.Sum(), heads + (2 * keyHeads), width], generator: generator) * 1.5;
        var by = randn([lengths.Sum(), heads * width], generator: generator);
        return (all.narrow(1, 0, heads), all.narrow(1, heads, keyHeads), all.narrow(1, heads + keyHeads, keyHeads), by);
    }

    private static Tensor Formula(Tensor query, Tensor key, Tensor value, int[] lengths, int window)
    {
        var group = query.size(1) / key.size(1);
        var rows = new List<Tensor>();
        var offset = 0L;
        foreach (var length in lengths)
        {
            Tensor Heads(Tensor x, long repeats) => x.narrow(0, offset, length).repeat_interleave(repeats, 1).transpose(0, 1);  // [H, T, hd]
            var scores = Heads(query, 1).matmul(Heads(key, group).transpose(1, 2)) / Math.Sqrt(query.size(2));  // [H, T, T]
            var back = arange(length).unsqueeze(1) - arange(length).unsqueeze(0);
            scores = scores.masked_fill(back.lt(0).logical_or(back.ge(window)), double.NegativeInfinity);
            rows.Add(scores.softmax(-1).matmul(Heads(value, group)).transpose(0, 1).reshape(length, -1));
            offset += length;
        }

        return cat([.. rows], 0);
    }

    // The result and its gradients by query, key and value.
    private static Tensor[] Differentiate(Func<Tensor, Tensor, Tensor, Tensor> function, Tensor by, Tensor query, Tensor key, Tensor value) => TensorThread.RunOnce(() =>
    {
        var inputs = new[] { query, key, value }.Select(x => x.detach().alias().requires_grad_(true)).ToArray();
        var result = function(inputs[0], inputs[1], inputs[2]);
        result.backward([by]);
        return inputs.Select(x => x.grad!).Prepend(result.detach()).ToArray();
    });
}
