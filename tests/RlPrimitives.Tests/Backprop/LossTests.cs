using System.Text.Json;
using RlPrimitives.Backprop;
using TorchSharp;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Policy loss, KL, averages and the optimizer against literal values and the peers' own numbers: values and gradients.</summary>
public class LossTests
{
    [Theory]
    [InlineData(1, 1.5, .2, -1.2)]
    [InlineData(1, 1.5, .28, -1.28)]
    [InlineData(1, .5, .2, -.5)]
    [InlineData(-1, .5, .2, .8)]
    [InlineData(-1, 1.5, .2, 1.5)]
    [InlineData(-1, 5, .2, 5)]
    public void The_clipped_loss_has_its_literal_values(float advantage, double ratio, double high, double expected)
    {
        using var scope = NewDisposeScope();
        var loss = PolicyLoss.Clipped(tensor([(float)Math.Log(ratio)]), tensor([0f]), tensor([advantage]), 0.2, high);
        Assert.Equal(expected, loss.item<float>(), 1e-6);
    }

    [Theory]
    [InlineData(-1, -1.5, .106531)]
    [InlineData(-2, -.5, 1.981689)]
    [InlineData(-3, -3, 0)]
    public void K3_has_its_literal_values(float logProb, float reference, double expected)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected, Kl.K3(tensor([logProb]), tensor([reference])).item<float>(), 1e-6);
    }

    [Fact]
    public void K3_matches_verl_in_value_and_gradient()
    {
        var c = Fixtures.Json("rl_math/kl.json").GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("case").GetString() == "verl/low_var_kl");
        using var scope = NewDisposeScope();
        var logProbs = Flat(c.GetProperty("inputs").GetProperty("logprob")).requires_grad_(true);
        var kl = Kl.K3(logProbs, Flat(c.GetProperty("inputs").GetProperty("ref_logprob")));
        kl.sum().backward();
        var expected = Flat(c.GetProperty("outputs").GetProperty("kl"));
        var within = expected.abs().lt(10); // verl also cuts the result at ±10
        Assert.Equal(expected.numel() - 2, within.sum().item<long>());
        AssertClose(expected[within], kl[within]);
        AssertClose(Flat(c.GetProperty("outputs").GetProperty("grad_sum_logprob"))[within], logProbs.grad![within]);
    }

    [Fact]
    public void The_clipped_loss_matches_verl_in_value_and_gradient_where_its_dual_clip_is_not_active()
    {
        var compared = 0;
        foreach (var c in Fixtures.Json("rl_math/policy_loss_verl.json").GetProperty("cases").EnumerateArray())
        {
            var inputs = c.GetProperty("inputs");
            var average = inputs.GetProperty("loss_agg_mode").GetString() switch
            {
                "token-mean" => LossAverage.Token, "seq-mean-token-mean" => LossAverage.Sequence, _ => (LossAverage?)null,
            };
            var ratio = Rows(inputs.GetProperty("log_prob")).Zip(Rows(inputs.GetProperty("old_log_prob")), (n, o) => n.Zip(o, (x, y) => x - y));
            var dual = ratio.Zip(Rows(inputs.GetProperty("advantages")), (l, a) => l.Zip(a, (x, y) => y < 0 && Math.Exp(x) > inputs.GetProperty("clip_ratio_c").GetSingle())).SelectMany(x => x).Any(x => x);
            if (average is { } mode && !dual && !c.GetProperty("case").GetString()!.Contains("one_row_empty", StringComparison.Ordinal))
            {
                AssertLoss(inputs.GetProperty("log_prob"), inputs.GetProperty("old_log_prob"), null, Rows(inputs.GetProperty("advantages")), inputs.GetProperty("response_mask"),
                    inputs.GetProperty("clip_ratio_low").GetDouble(), inputs.GetProperty("clip_ratio_high").GetDouble(), 0, mode,
                    c.GetProperty("outputs").GetProperty("loss").GetDouble(), c.GetProperty("outputs").GetProperty("grad_log_prob"));
                compared++;
            }
        }

        Assert.True(compared >= 3, $"only {compared} cases compared");
    }

    [Fact]
    public void The_clipped_loss_with_k3_matches_TRL_in_value_and_gradient()
    {
        foreach (var c in Fixtures.Json("rl_math/grpo_loss_trl.json").GetProperty("cases").EnumerateArray())
        {
            var inputs = c.GetProperty("inputs");
            var width = inputs.GetProperty("per_token_logps")[0].GetArrayLength();
            var advantages = Fixtures.Floats(inputs.GetProperty("advantages")).Select(a => Enumerable.Repeat(a, width).ToArray()).ToArray();
            AssertLoss(inputs.GetProperty("per_token_logps"), inputs.GetProperty("old_per_token_logps"), inputs.GetProperty("ref_per_token_logps"), advantages,
                inputs.GetProperty("completion_mask"), inputs.GetProperty("epsilon_low").GetDouble(), inputs.GetProperty("epsilon_high").GetDouble(),
                inputs.GetProperty("beta").GetDouble(), inputs.GetProperty("loss_type").GetString() == "grpo" ? LossAverage.Sequence : LossAverage.Token,
                c.GetProperty("outputs").GetProperty("loss").GetDouble(), c.GetProperty("outputs").GetProperty("grad_per_token_logps"));
        }
    }

    [Fact]
    public void Averages_match_verl()
    {
        foreach (var c in Fixtures.Json("rl_math/agg_loss.json").GetProperty("cases").EnumerateArray())
        {
            var losses = Rows(c.GetProperty("inputs").GetProperty("loss_mat"));
            var masks = Rows(c.GetProperty("inputs").GetProperty("loss_mask"));
            var rows = losses.Zip(masks, (l, m) => l.Where((_, i) => m[i] > 0).ToArray()).Where(r => r.Length > 0).ToArray();
            foreach (var (name, average) in new[] { ("token-mean", LossAverage.Token), ("seq-mean-token-mean", LossAverage.Sequence) })
            {
                var weights = LossWeights.PerToken(rows.Select(r => r.Length).ToArray(), average);
                Assert.Equal(1, rows.Zip(weights, (r, w) => r.Length * (double)w).Sum(), 1e-6);
                Assert.Equal(c.GetProperty("outputs").GetProperty(name).GetDouble(), rows.Zip(weights, (r, w) => r.Sum(x => (double)x * w)).Sum(), 1e-5);
            }
        }
    }

    [Fact]
    public void Averages_have_their_literal_values()
    {
        // Losses [1, 3] and [1, 1, 1, 1]: token mean 8/6, sequence mean (2 + 1)/2.
        var token = LossWeights.PerToken([2, 4], LossAverage.Token);
        var sequence = LossWeights.PerToken([2, 4], LossAverage.Sequence);
        Assert.Equal(1.333333, (4 * token[0]) + (4 * token[1]), 1e-6);
        Assert.Equal(1.5, (4 * sequence[0]) + (4 * sequence[1]), 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => LossWeights.PerToken([2, 0], LossAverage.Token));
    }

    [Fact]
    public void AdamW_matches_torch()
    {
        foreach (var c in Fixtures.Json("rl_math/misc.json").GetProperty("cases").EnumerateArray())
        {
            var inputs = c.GetProperty("inputs");
            if (inputs.GetProperty("amsgrad").GetBoolean())
            {
                continue;
            }

            using var scope = NewDisposeScope();
            var parameters = inputs.GetProperty("params").EnumerateArray().Select(p => new Parameter(Flat(p))).ToArray();
            var betas = Fixtures.Floats(inputs.GetProperty("betas"));
            using var optimizer = new AdamW(parameters, new AdamWOptions(
                inputs.GetProperty("betas")[0].GetDouble(), inputs.GetProperty("betas")[1].GetDouble(), inputs.GetProperty("eps").GetDouble(), inputs.GetProperty("weight_decay").GetDouble()));
            var step = 0;
            foreach (var gradients in inputs.GetProperty("grads").EnumerateArray())
            {
                for (var i = 0; i < parameters.Length; i++)
                {
                    parameters[i].grad = Flat(gradients[i]);
                }

                var limit = inputs.GetProperty("max_grad_norm");
                var norm = optimizer.ClipGradients(limit.ValueKind == JsonValueKind.Number ? limit.GetDouble() : double.PositiveInfinity);
                Assert.Equal(1, norm / c.GetProperty("outputs")[step].GetProperty("grad_norm").GetDouble(), 1e-5);

                optimizer.Step(inputs.GetProperty("lr").GetDouble());
                optimizer.ClearGradients();
                var expected = c.GetProperty("outputs")[step++].GetProperty("params");
                for (var i = 0; i < parameters.Length; i++)
                {
                    AssertClose(Flat(expected[i]), parameters[i].detach());
                }
            }

            Assert.Equal(6, step);
        }
    }

    [Fact]
    public void Shapes_that_differ_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        Tensor two = zeros(2), three = zeros(3), row = zeros(1, 2);
        Assert.Contains("[2]", Assert.Throws<ArgumentException>(() => PolicyLoss.Clipped(two, three, two)).Message, StringComparison.Ordinal);
        Assert.Contains("[3]", Assert.Throws<ArgumentException>(() => PolicyLoss.Clipped(two, two, three)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => PolicyLoss.Clipped(two, row, two)); // would broadcast
        Assert.Throws<ArgumentException>(() => Kl.K3(two, row));
        Assert.Throws<ArgumentException>(() => PolicyLoss.Ratio(two, three));
    }

    [Fact]
    public void Far_log_probs_keep_loss_and_gradient_finite()
    {
        using var scope = NewDisposeScope();
        var logProbs = tensor([-1e4f, 0f]).requires_grad_(true);
        var old = tensor([0f, -1e4f]);
        (PolicyLoss.Clipped(logProbs, old, tensor([1f, -1f])).sum() + Kl.K3(logProbs, old).sum()).backward();
        Assert.True(logProbs.grad!.isfinite().all().item<bool>());
    }

    /// <summary>Loss and gradient with respect to log-probs, of the masked tokens only: packing leaves padding out.</summary>
    private static void AssertLoss(
        JsonElement logProbs, JsonElement old, JsonElement? reference, float[][] advantages, JsonElement mask, double low, double high, double beta, LossAverage average,
        double expectedLoss, JsonElement expectedGradient)
    {
        using var scope = NewDisposeScope();
        var masks = Rows(mask);
        float[] Real(float[][] rows) => [.. rows.Zip(masks, (r, m) => r.Where((_, i) => m[i] > 0)).SelectMany(x => x)];
        var lengths = masks.Select(m => m.Count(x => x > 0)).ToArray();
        var weights = LossWeights.PerToken(lengths, average);
        var current = tensor(Real(Rows(logProbs))).requires_grad_(true);
        var perToken = PolicyLoss.Clipped(current, tensor(Real(Rows(old))), tensor(Real(advantages)), low, high);
        if (beta > 0)
        {
            perToken = perToken + (beta * Kl.K3(current, tensor(Real(Rows(reference!.Value)))));
        }

        var loss = perToken.dot(tensor(lengths.Zip(weights, (n, w) => Enumerable.Repeat(w, n)).SelectMany(x => x).ToArray()));
        loss.backward();
        Assert.Equal(expectedLoss, loss.item<float>(), 1e-5);
        AssertClose(tensor(Real(Rows(expectedGradient))), current.grad!);
    }

    private static float[][] Rows(JsonElement matrix) => [.. matrix.EnumerateArray().Select(Fixtures.Floats)];

    private static Tensor Flat(JsonElement array)
    {
        var depth = array[0].ValueKind == JsonValueKind.Array;
        var rows = depth ? Rows(array) : [Fixtures.Floats(array)];
        var flat = tensor(rows.SelectMany(r => r).ToArray());
        return depth ? flat.view(rows.Length, -1) : flat;
    }

    private static void AssertClose(Tensor expected, Tensor actual)
    {
        var difference = (expected - actual).abs().max().item<float>();
        Assert.True(difference < 1e-5, $"largest difference {difference}");
    }
}
