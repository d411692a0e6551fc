using System.Text.Json;
using RlPrimitives.Backprop;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

public class TokenLogProbsTests
{
    [Theory]
    [InlineData(1.0, true, 1 << 20)]
    [InlineData(1.0, true, 40)]
    [InlineData(1.0, true, 1)]
    [InlineData(0.6, true, 40)]
    [InlineData(0.6, true, 1 << 20)]
    [InlineData(1.7, false, 40)]
    [InlineData(1.0, false, 1 << 20)]
    public void Values_and_gradients_are_those_of_autograd_whatever_the_chunks(double temperature, bool withEntropy, long logitsAtOnce)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        var hidden = randn(11, 6).requires_grad_(true);
        var head = randn(13, 6).requires_grad_(true);
        var targets = randint(0, 13, 11, dtype: ScalarType.Int64);
        var byLogProb = randn(11);
        var byEntropy = withEntropy ? randn(11) : zeros(11);

        var logProbs = nn.functional.linear(hidden, head).div(temperature).log_softmax(1);
        var chosen = logProbs.gather(1, targets.unsqueeze(1)).squeeze(1);
        var entropy = logProbs.exp().mul(logProbs).sum(1).neg();
        (chosen.dot(byLogProb) + entropy.dot(byEntropy)).backward();
        Tensor hiddenGradient = hidden.grad!.clone(), headGradient = head.grad!.clone();
        hidden.grad = head.grad = null;

        var computed = TokenLogProbs.Compute(hidden, head, targets, temperature, withEntropy, logitsAtOnce);
        Assert.Equal([2, 11], computed.shape);
        AssertClose(chosen, computed[0]);
        AssertClose(withEntropy ? entropy : zeros(11), computed[1]);
        (withEntropy ? computed[0].dot(byLogProb) + computed[1].dot(byEntropy) : computed[0].dot(byLogProb)).backward();
        AssertClose(hiddenGradient, hidden.grad!);
        AssertClose(headGradient, head.grad!);
    }

    [Fact]
    public void Several_kept_chunks_give_what_chunks_made_again_give()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        const int rows = 600, vocabulary = 9000; // three chunks of 256 rows and less
        Tensor hidden = (randn(rows, 8) * 20).requires_grad_(true), head = randn(vocabulary, 8).requires_grad_(true); // most probabilities are 0
        var targets = randint(0, vocabulary, rows, dtype: ScalarType.Int64);
        var results = new[] { 16 << 20, 100 * vocabulary }.Select(logitsAtOnce =>
        {
            var computed = TokenLogProbs.Compute(hidden, head, targets, 1, withEntropy: true, logitsAtOnce);
            (computed[0].mean() + computed[1].mean()).backward();
            var all = new[] { computed.detach(), hidden.grad!.clone(), head.grad!.clone() };
            hidden.grad = head.grad = null;
            return all;
        }).ToArray();
        // Log-probs reach −200, where float32's steps are 1.5e-5, and products of other sizes round differently; gradients are small.
        foreach (var (kept, again, tolerance) in results[0].Zip(results[1], [1e-4, 1e-5, 1e-5]))
        {
            Assert.True(kept.isfinite().all().item<bool>());
            AssertClose(again, kept, tolerance);
        }
    }

    [Theory]
    [InlineData(1 << 20)]
    [InlineData(40)]
    public void A_frozen_head_or_frozen_features_get_no_gradient_and_change_none_of_the_others(long logitsAtOnce)
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        Tensor hidden = randn(11, 6).requires_grad_(true), head = randn(13, 6).requires_grad_(true), targets = randint(0, 13, 11, dtype: ScalarType.Int64);
        TokenLogProbs.Compute(hidden, head, targets, logitsAtOnce: logitsAtOnce).sum().backward();
        Tensor hiddenGradient = hidden.grad!.clone(), headGradient = head.grad!.clone();
        hidden.grad = head.grad = null;

        head.requires_grad_(false);
        TokenLogProbs.Compute(hidden, head, targets, logitsAtOnce: logitsAtOnce).sum().backward();
        Assert.Null(head.grad);
        AssertClose(hiddenGradient, hidden.grad!, 1e-7);

        hidden.grad = null;
        head.requires_grad_(true);
        hidden.requires_grad_(false);
        TokenLogProbs.Compute(hidden, head, targets, logitsAtOnce: logitsAtOnce).sum().backward();
        Assert.Null(hidden.grad);
        AssertClose(headGradient, head.grad!, 1e-7);
    }

    [Fact]
    public void Values_and_gradients_match_verl_and_TRL_on_wide_logits()
    {
        var c = Fixtures.Json("rl_math/logprob_entropy.json").GetProperty("cases")[0];
        using var scope = NewDisposeScope();
        // With the identity as head the features are the logits.
        var logits = Flat(c.GetProperty("inputs").GetProperty("logits")).view(15, 17).requires_grad_(true);
        var targets = Flat(c.GetProperty("inputs").GetProperty("labels")).to(ScalarType.Int64);
        foreach (var atOnce in new[] { 1L, 50, 1 << 20 })
        {
            var computed = TokenLogProbs.Compute(logits, eye(17), targets, logitsAtOnce: atOnce);
            AssertClose(Flat(c.GetProperty("outputs").GetProperty("logprobs_trl")), computed[0], 1e-4); // of values up to 200
            AssertClose(Flat(c.GetProperty("outputs").GetProperty("entropy_trl")), computed[1]);
            computed[0].sum().backward();
            AssertClose(Flat(c.GetProperty("outputs").GetProperty("grad_of_sum_logprob_wrt_logits")).view(15, 17), logits.grad!);
            logits.grad = null;
            TokenLogProbs.Compute(logits, eye(17), targets, logitsAtOnce: atOnce)[1].mean().backward();
            AssertClose(Flat(c.GetProperty("outputs").GetProperty("grad_of_mean_entropy_wrt_logits")).view(15, 17), logits.grad!);
            logits.grad = null;
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused_and_do_not_end_the_process()
    {
        using var scope = NewDisposeScope();
        Tensor hidden = zeros(3, 4), head = zeros(5, 4), targets = zeros(3, ScalarType.Int64);
        Assert.Throws<ArgumentException>(() => TokenLogProbs.Compute(hidden, zeros(5, 6), targets));
        Assert.Throws<ArgumentException>(() => TokenLogProbs.Compute(hidden, head, zeros(2, ScalarType.Int64)));
        Assert.Throws<ArgumentException>(() => TokenLogProbs.Compute(zeros(3), head, targets));
        Assert.Throws<ArgumentException>(() => TokenLogProbs.Compute(hidden, head, targets.view(3, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenLogProbs.Compute(hidden, head, targets, temperature: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenLogProbs.Compute(hidden, head, targets, temperature: double.NaN));
    }

    private static Tensor Flat(JsonElement array) => tensor(Leaves(array).ToArray());

    private static IEnumerable<float> Leaves(JsonElement e) =>
        e.ValueKind == JsonValueKind.Array ? e.EnumerateArray().SelectMany(Leaves) : [e.ValueKind == JsonValueKind.String ? float.Parse(e.GetString()!) : e.GetSingle()];

    private static void AssertClose(Tensor expected, Tensor actual, double tolerance = 1e-5)
    {
        var difference = (expected.detach() - actual.detach()).abs().max().item<float>();
        Assert.True(difference < tolerance, $"largest difference {difference}");
    }
}
