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

    [Fact]
    public void Averages_have_their_literal_values()
    {
        // Losses [1, 3] and [1, 1, 1, 1]: token mean 8/6, sequence mean (2 + 1)/2.
        var token = LossWeights.PerToken([2, 4], LossAverage.Token);
        var sequence = LossWeights.PerToken([2, 4], LossAverage.Sequence);
        Assert.Equal(1.333333, (4 * token[0]) + (4 * token[1]), 1e-6);
        Assert.Equal(1.5, (4 * sequence[0]) + (4 * sequence[1]), 1e-6);
        Assert.Equal(.5, 8 * LossWeights.PerToken([2, 4], LossAverage.Constant(8))[0], 1e-6);
        Assert.Equal(4, 8 * LossWeights.PerToken([2, 4], LossAverage.SequenceSum)[1], 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => LossWeights.PerToken([2, 0], LossAverage.Token));
        Assert.Throws<ArgumentOutOfRangeException>(() => LossAverage.Constant(0));
        Assert.Equal("Constant(8)", LossAverage.Constant(8).ToString());
        Assert.Equal(LossAverage.Constant(8), LossAverage.Constant(8));
        Assert.NotEqual(LossAverage.Token, LossAverage.Sequence);
    }

    [Fact]
    public void The_dual_clip_bounds_the_loss_of_bad_tokens_only()
    {
        using var scope = NewDisposeScope();
        Tensor five = tensor([(float)Math.Log(5)]), zero = tensor([0f]);
        Assert.Equal(3, PolicyLoss.Clipped(five, zero, tensor([-1f]), ClipRange.Verl).item<float>(), 1e-6);
        Assert.Equal(5, PolicyLoss.Clipped(five, zero, tensor([-1f]), ClipRange.Ppo).item<float>(), 1e-5);
        Assert.Equal(-1.2, PolicyLoss.Clipped(five, zero, tensor([1f]), ClipRange.Verl).item<float>(), 1e-6);
        Assert.Equal(-1.28, PolicyLoss.Clipped(five, zero, tensor([1f]), ClipRange.Dapo).item<float>(), 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClipRange { DualClip = 1 });
    }

    [Fact]
    public void Ratios_of_sequences_have_their_literal_values()
    {
        using var scope = NewDisposeScope();
        Tensor logRatio = tensor([.1f, -.2f, .4f, .7f]), zero = zeros(4);
        PeerCase.AssertClose([1.105171f, 2.013753f], PolicyLoss.SequenceRatio(logRatio, zero, [3, 1]).data<float>().ToArray());
        PeerCase.AssertClose([1.105171f, 1.105171f, 1.105171f, 2.013753f], PolicyLoss.SequenceTokenRatio(logRatio, zero, [3, 1]).data<float>().ToArray());
        PeerCase.AssertClose([1.349859f, 2.013753f], PolicyLoss.SequenceProductRatio(logRatio, zero, [3, 1]).data<float>().ToArray());
    }

    [Fact]
    public void Sequence_and_token_forms_of_GSPO_have_one_gradient_where_a_sequence_has_one_advantage()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(3);
        var old = randn(7);
        var advantages = Sequences.Spread(tensor([1f, -2f]), [3, 4]);
        var weights = Sequences.Spread(tensor(LossWeights.PerToken([3, 4], LossAverage.Sequence)), [3, 4]);
        var range = new ClipRange { Low = 0.9, High = 2 };
        var token = (old + (randn(7) * .1)).detach().requires_grad_(true);
        var sequence = token.detach().clone().requires_grad_(true);
        PolicyLoss.Gspo(token, old, advantages, [3, 4], range).dot(weights).backward();
        PolicyLoss.ClippedOfRatio(Sequences.Spread(PolicyLoss.SequenceRatio(sequence, old, [3, 4]), [3, 4]), advantages, range).dot(weights).backward();
        AssertClose(token.grad!, sequence.grad!);
        Assert.True(token.grad!.abs().min().item<float>() > 0);
    }

    [Fact]
    public void Sampler_corrections_have_their_literal_values()
    {
        using var scope = NewDisposeScope();
        Tensor old = tensor([.1f, 1.5f, -.3f]), sampler = zeros(3);
        var mask = SamplerCorrection.IcePop with { Maximum = 2 };
        PeerCase.AssertClose([1.105171f, 2, .740818f], SamplerCorrection.Verl.Weights(old, sampler, [3]).data<float>().ToArray());
        PeerCase.AssertClose([1.105171f, 0, .740818f], mask.Weights(old, sampler, [3]).data<float>().ToArray());
        PeerCase.AssertClose([0, 0, 0], SamplerCorrection.Trl.Weights(old, sampler, [3]).data<float>().ToArray());
        PeerCase.AssertClose([3.669297f, 3.669297f, 3.669297f], (SamplerCorrection.Trl with { Maximum = 4 }).Weights(old, sampler, [3]).data<float>().ToArray());
        PeerCase.AssertClose([1.105171f, 3, 3], new SamplerCorrection { Level = SamplerCorrectionLevel.Sequence, Maximum = 3 }.Weights(old, sampler, [1, 2]).data<float>().ToArray());
        Assert.False(SamplerCorrection.Verl.Weights(old.requires_grad_(true), sampler, [3]).requires_grad);
        Assert.Throws<ArgumentException>(() => SamplerCorrection.Verl.Weights(old, sampler, [2]));
    }

    [Fact]
    public void Value_losses_and_explained_variance_have_their_literal_values()
    {
        using var scope = NewDisposeScope();
        PeerCase.AssertClose([.125f, .18f], ValueLoss.Clipped(tensor([1f, .4f]), tensor([0f, .3f]), tensor([.5f, 1f])).data<float>().ToArray());
        Assert.Equal(1, ValueLoss.ExplainedVariance([1, 2, 3], [2, 3, 4]), 1e-12);
        Assert.Equal(0, ValueLoss.ExplainedVariance([5, 5, 5], [2, 3, 4]), 1e-12);
        Assert.Equal(-3, ValueLoss.ExplainedVariance([4, 3, 2], [2, 3, 4]), 1e-12);
        Assert.Equal(double.NaN, ValueLoss.ExplainedVariance([4, 3], [2, 2]));
    }

    [Fact]
    public void Entropy_matches_verl_in_value_and_gradient()
    {
        var c = Fixtures.Json("rl_math/logprob_entropy.json").GetProperty("cases")[0];
        using var scope = NewDisposeScope();
        var logits = tensor(c.GetProperty("inputs").GetProperty("logits").EnumerateArray().SelectMany(Rows).SelectMany(r => r).ToArray()).view(15, 17).requires_grad_(true);
        var entropy = Entropy.OfLogits(logits);
        AssertClose(Flat(c.GetProperty("outputs").GetProperty("entropy_verl")).view(15), entropy);
        entropy.mean().backward();
        var expected = c.GetProperty("outputs").GetProperty("grad_of_mean_entropy_wrt_logits").EnumerateArray().SelectMany(Rows).SelectMany(r => r).ToArray();
        AssertClose(tensor(expected).view(15, 17), logits.grad!);
        PeerCase.AssertClose([.5f], Entropy.WithBonus(tensor([1f]), tensor([2f]), .25).data<float>().ToArray());
    }

    [Fact]
    public void Micro_batches_add_up_to_one_batch_in_every_average()
    {
        using var scope = NewDisposeScope();
        int[] lengths = [2, 5, 1, 3];
        random.manual_seed(5);
        var logProbs = randn(11).requires_grad_(true);
        var whole = logProbs.detach().clone().requires_grad_(true);
        Tensor old = randn(11), advantages = randn(11);
        foreach (var average in new[] { LossAverage.Token, LossAverage.Sequence, LossAverage.SequenceSum, LossAverage.Constant(6) })
        {
            var weights = Sequences.Spread(tensor(LossWeights.PerToken(lengths, average)), lengths);
            whole.grad = null;
            logProbs.grad = null;
            PolicyLoss.Clipped(whole, old, advantages).dot(weights).backward();
            foreach (var (start, count) in new[] { (0, 7), (7, 4) })
            {
                PolicyLoss.Clipped(logProbs.narrow(0, start, count), old.narrow(0, start, count), advantages.narrow(0, start, count)).dot(weights.narrow(0, start, count)).backward();
            }

            AssertClose(whole.grad!, logProbs.grad!);
        }
    }

    [Fact]
    public void AdamW_matches_torch()
    {
        var compared = 0;
        foreach (var c in Fixtures.Json("rl_math/misc.json").GetProperty("cases").EnumerateArray())
        {
            if (!c.GetProperty("case").GetString()!.StartsWith("adamw/", StringComparison.Ordinal) || c.GetProperty("inputs").GetProperty("amsgrad").GetBoolean())
            {
                continue; // ScheduleTests counts these
            }

            var inputs = c.GetProperty("inputs");
            compared++;

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

        Assert.Equal(2, compared);
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
        Assert.Throws<ArgumentException>(() => PolicyLoss.Reinforce(two, three));
        Assert.Throws<ArgumentException>(() => PolicyLoss.Cispo(two, three, two, CispoBounds.Trl()));
        Assert.Throws<ArgumentException>(() => PolicyLoss.Sapo(two, row));
        Assert.Throws<ArgumentException>(() => PolicyLoss.ClippedOfRatio(two, three, ClipRange.Ppo));
        Assert.Throws<ArgumentException>(() => PolicyLoss.Gspo(two, three, two, [2]));
        Assert.Throws<ArgumentException>(() => PolicyLoss.Gmpo(two, two, three, [2]));
        Assert.Throws<ArgumentException>(() => PolicyLoss.SequenceRatio(two, two, [1, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => PolicyLoss.SequenceRatio(two, two, [2, 0]));
        Assert.Throws<ArgumentException>(() => Sequences.Sum(row, [2]));
        Assert.Throws<ArgumentException>(() => Sequences.Spread(two, [2]));
        Assert.Throws<ArgumentException>(() => ValueLoss.Clipped(two, three, two));
        Assert.Throws<ArgumentException>(() => ValueLoss.Squared(two, three));
        Assert.Throws<ArgumentException>(() => Entropy.WithBonus(two, three, 1));
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
