using RlPrimitives.Backprop;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

/// <summary>KL estimators, the penalty in the reward and the adaptive coefficient.</summary>
public class KlTests
{
    [Theory]
    [InlineData(-1, -1.5, .5, .125, .106531)]
    [InlineData(-2, -.5, -1.5, 1.125, 1.981689)]
    [InlineData(-3, -3, 0, 0, 0)]
    public void Estimators_have_their_literal_values(float logProb, float reference, double k1, double k2, double k3)
    {
        using var scope = NewDisposeScope();
        Tensor lp = tensor([logProb]), r = tensor([reference]);
        Assert.Equal(k1, Kl.K1(lp, r).item<float>(), 1e-6);
        Assert.Equal(k2, Kl.K2(lp, r).item<float>(), 1e-6);
        Assert.Equal(k3, Kl.K3(lp, r).item<float>(), 1e-6);
        Assert.Equal(k3, Kl.K3Plus(lp, r).item<float>(), 1e-6);
        foreach (var estimator in Enum.GetValues<KlEstimator>())
        {
            Assert.Equal(Kl.Of(logProb, reference, estimator), Kl.Estimate(lp, r, estimator, KlClamp.None).item<float>(), 1e-6);
        }
    }

    [Fact]
    public void Estimators_match_verl_and_OpenRLHF_in_value_and_gradient() => PeerCases.Run("kl", Compare,
        "5 × verl core_algos.kl_penalty (gradient of the sum w.r.t. logprob): compared",
        "3 × openrlhf.models.utils.compute_approx_kl (float32 inside, clamped to [-10,10]): compared",
        "1 × verl core_algos.compute_rewards: compared");

    [Fact]
    public void K3_plus_has_the_gradient_of_k2_even_where_its_value_is_clamped()
    {
        using var scope = NewDisposeScope();
        var logProbs = tensor([-1f, -2, -30, 0]).requires_grad_(true);
        var reference = tensor([-1.5f, -.5f, -1, -40]);
        Kl.Estimate(logProbs, reference, KlEstimator.K3Plus, KlClamp.Verl).sum().backward();
        PeerCase.AssertClose((logProbs - reference).detach().data<float>().ToArray(), logProbs.grad!.data<float>().ToArray());
    }

    [Fact]
    public void The_adaptive_coefficient_follows_its_target_within_bounds()
    {
        var now = new AdaptiveKlCoefficient(0.2, 6, 10_000);
        Assert.Equal(0.2 * (1 + (0.2 * 64 / 10_000)), now.Next(60, 64).Coefficient, 1e-12);
        Assert.Equal(0.2 * (1 - (0.2 * 64 / 10_000)), now.Next(0, 64).Coefficient, 1e-12);
        Assert.Equal(0.2 * (1 + (0.1 * 64 / 10_000)), now.Next(6.6, 64).Coefficient, 1e-12);
        Assert.Equal(now, now.Next(6, 64));
        Assert.Equal(0.2 * 1.2, now.Next(60, 1_000_000).Coefficient, 1e-12);
        Assert.Throws<ArgumentOutOfRangeException>(() => now.Next(double.NaN, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => now with { Target = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new AdaptiveKlCoefficient(-1, 1));
    }

    [Fact]
    public void The_penalty_in_the_reward_is_subtracted_from_each_token()
    {
        PeerCase.AssertClose([-.025f, .075f, 1], TokenRewards.WithKl(TokenRewards.AtEnd(1, 3), [-1, -2, -3], [-1.5f, -.5f, -3], 0.05));
        Assert.Throws<ArgumentException>(() => TokenRewards.WithKl([1, 2], [1], [1, 2], 0.1));
    }

    [Fact]
    public void The_estimate_of_one_token_is_bounded_like_that_of_a_tensor()
    {
        foreach (var clamp in new[] { KlClamp.None, KlClamp.Difference20, KlClamp.Verl, KlClamp.OpenRlhf })
        {
            foreach (var estimator in Enum.GetValues<KlEstimator>())
            {
                using var scope = NewDisposeScope();
                float[] logProbs = [-40, -1, -3], reference = [-1, -40, -2.5f];
                var expected = Kl.Estimate(tensor(logProbs), tensor(reference), estimator, clamp).data<float>().ToArray();
                PeerCase.AssertClose(expected, [.. logProbs.Zip(reference, (lp, of) => (float)Kl.Of(lp, of, estimator, clamp))]);
            }
        }
    }

    private static IEnumerable<string> Compare(PeerCase c)
    {
        if (c.Function.EndsWith("compute_rewards", StringComparison.Ordinal))
        {
            float[][] scores = c.Rows("token_level_scores"), old = c.Rows("old_log_prob"), reference = c.Rows("ref_log_prob");
            PeerCase.AssertClose([.. PeerCase.Matrix(c.Outputs.GetProperty("rewards")).SelectMany(x => x)],
                [.. scores.SelectMany((s, b) => TokenRewards.WithKl(s, old[b], reference[b], c.Number("kl_ratio")))]);
            return [PeerCases.Compared];
        }

        var verl = c.Function.StartsWith("verl", StringComparison.Ordinal);
        var estimator = c.Text(verl ? "kl_penalty" : "kl_estimator") switch
        {
            "kl" or "k1" => KlEstimator.K1, "k2" or "mse" => KlEstimator.K2, "k3" or "low_var_kl" => KlEstimator.K3, "abs" => KlEstimator.Absolute, var other => throw new NotSupportedException(other),
        };
        var clamp = !verl ? KlClamp.OpenRlhf : estimator == KlEstimator.K3 ? KlClamp.Verl : KlClamp.None;
        var logProbs = tensor(c.Rows(verl ? "logprob" : "log_probs").SelectMany(x => x).ToArray()).requires_grad_(true);
        var kl = Kl.Estimate(logProbs, tensor(c.Rows(verl ? "ref_logprob" : "log_probs_base").SelectMany(x => x).ToArray()), estimator, clamp);
        PeerCase.AssertClose([.. PeerCase.Matrix(c.Outputs.GetProperty("kl")).SelectMany(x => x)], kl.data<float>().ToArray());
        if (verl)
        {
            kl.sum().backward();
            PeerCase.AssertClose([.. PeerCase.Matrix(c.Outputs.GetProperty("grad_sum_logprob")).SelectMany(x => x)], logProbs.grad!.data<float>().ToArray());
        }

        return [PeerCases.Compared];
    }
}
