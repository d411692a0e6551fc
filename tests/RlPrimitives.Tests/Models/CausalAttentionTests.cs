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
        var (joint, by) = Inputs(heads, keyHeads, width, lengths);
        var attention = new HostCausalAttention(lengths, heads, keyHeads);
        var ours = Differentiate(x => attention.Apply(x, window), by, joint);
        var expected = Differentiate(x => Formula(x, heads, keyHeads, lengths, window), by.to(ScalarType.Float64), joint.to(ScalarType.Float64));
        foreach (var (name, a, b) in new[] { "result", "gradient" }.Zip(ours, expected))
        {
            Assert.Equal(b.shape, a.shape);
            var difference = (a.to(ScalarType.Float64) - b).abs().max().item<double>();
            Assert.True(difference < 2e-5, $"{name}: largest difference {difference}");
        }

        using var _ = no_grad();
        Assert.True(attention.Apply(joint, window).equal(ours[0]).all().item<bool>(), "not the same without gradients");
        // Tokens may lie apart, as in a slice of a larger product; heads too, then they are copied.
        var apart = cat([joint, joint], 1).narrow(1, joint.size(1), joint.size(1));
        Assert.True(attention.Apply(apart, window).equal(ours[0]).all().item<bool>(), "not the same where tokens lie apart");
        var byHead = joint.transpose(0, 1).contiguous().transpose(0, 1);
        Assert.True(attention.Apply(byHead, window).equal(ours[0]).all().item<bool>(), "not the same where heads lie apart");
    }

    [Fact]
    public void A_rows_numbers_do_not_depend_on_its_neighbours_or_on_threads()
    {
        int[] lengths = [70, 150, 9];
        var (joint, by) = Inputs(4, 2, 16, lengths);
        Tensor[] Run(int[] rows, Tensor x, Tensor gradient) => Differentiate(y => new HostCausalAttention(rows, 4, 2).Apply(y, NoWindow), gradient, x);
        var all = Run(lengths, joint, by);
        var threads = get_num_threads();
        try
        {
            set_num_threads(1);
            Assert.All(all.Zip(Run(lengths, joint, by)), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
        }
        finally
        {
            set_num_threads(threads);
        }

        Tensor Row(Tensor x) => x.narrow(0, 70, 150);
        var alone = Run([150], Row(joint), Row(by));
        Assert.All(all.Zip(alone), pair => Assert.True(Row(pair.First).equal(pair.Second).all().item<bool>()));
    }

    [Fact]
    public void Large_scores_do_not_overflow_and_what_is_not_a_number_stays_in_its_row()
    {
        using var _ = no_grad();
        int[] lengths = [8, 8];
        var (joint, _) = Inputs(2, 1, 8, lengths);
        var attention = new HostCausalAttention(lengths, 2, 1);
        var large = joint.clone();
        large.narrow(1, 0, 3).mul_(1e4);
        Assert.True(attention.Apply(large, NoWindow).isfinite().all().item<bool>());
        joint[3].narrow(0, 0, 2).fill_(float.NaN); // the queries of a token
        var result = attention.Apply(joint, NoWindow);
        Assert.True(result[3].isnan().all().item<bool>());
        Assert.True(result.narrow(0, 8, 8).isfinite().all().item<bool>());
    }

    // [N, H + 2·Hkv, hd], and the gradient by the result.
    private static (Tensor Joint, Tensor By) Inputs(int heads, int keyHeads, int width, int[] lengths)
    {
        using var generator = new Generator(7, CPU);
        var joint = randn([lengths.Sum(), heads + (2 * keyHeads), width], generator: generator) * 1.5;
        return (joint, randn([lengths.Sum(), heads * width], generator: generator));
    }

    private static Tensor Formula(Tensor joint, int heads, int keyHeads, int[] lengths, int window)
    {
        var parts = joint.split([heads, keyHeads, keyHeads], 1);
        var (query, key, value, group) = (parts[0], parts[1], parts[2], heads / keyHeads);
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

    // The result and its gradient by the input.
    private static Tensor[] Differentiate(Func<Tensor, Tensor> function, Tensor by, Tensor input) => TensorThread.RunOnce(() =>
    {
        var own = input.detach().alias().requires_grad_(true);
        var result = function(own);
        result.backward([by]);
        return new[] { result.detach(), own.grad! };
    });
}
