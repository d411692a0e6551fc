using RlPrimitives.Backprop;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Losses against TRL, verl and OpenRLHF: values and gradients.</summary>
public class PolicyLossParityTests
{
    private const string TrlLoss = "trl GRPOTrainer._compute_loss";

    [Fact]
    public void Policy_losses_match_verl() => PeerCases.Run("policy_loss_verl", CompareVerl,
        "31 × verl core_algos.compute_policy_loss_vanilla: compared",
        "8 × verl core_algos policy loss \"gspo\": compared",
        "6 × verl core_algos policy loss \"cispo\": compared",
        "8 × verl core_algos policy loss \"sapo\": compared",
        "8 × verl core_algos policy loss \"gpg\": compared",
        "5 × verl core_algos policy loss \"geo_mean\": compared");

    [Fact]
    public void Policy_losses_match_OpenRLHF() => PeerCases.Run("policy_loss_openrlhf", CompareOpenRlhf,
        "21 × openrlhf.models.loss.PolicyLoss: compared");

    [Fact]
    public void Policy_losses_match_TRL() => PeerCases.Run("grpo_loss_trl", CompareTrl,
        $"56 × {TrlLoss} (method compiled verbatim; model forward stubbed to return the given log-probs): compared",
        $"5 × {TrlLoss} (method compiled verbatim; model forward stubbed to return the given log-probs): vespo is not offered",
        $"4 × {TrlLoss} (method compiled verbatim; model forward stubbed to return the given log-probs): luspo averages padding too where the loss is per token",
        $"4 × {TrlLoss}: compared",
        $"3 × {TrlLoss}: off_policy_mask_0_02 is not offered",
        $"1 × {TrlLoss}: top_entropy_0_5 is not offered",
        "1 × trl RLOOTrainer._compute_loss (sequence-level clipped ratio): compared");

    [Fact]
    public void Value_losses_match_verl_and_OpenRLHF() => PeerCases.Run("value_loss", CompareValueLoss,
        "13 × verl core_algos.compute_value_loss: compared",
        "2 × openrlhf.models.loss.ValueLoss: compared");

    [Fact]
    public void Averages_match_verl() => PeerCases.Run("agg_loss", CompareAverages, "4 × verl core_algos.agg_loss: compared");

    private static IEnumerable<string> CompareVerl(PeerCase c)
    {
        Tensor old = c.Packed("old_log_prob"), advantages = c.Packed("advantages");
        double low = c.Number("clip_ratio_low"), high = c.Number("clip_ratio_high");
        var range = new ClipRange { Low = low, High = high };
        if (c.Function.Contains("geo_mean", StringComparison.Ordinal))
        {
            // verl counts rows without tokens as sequences of loss 0.
            c.AssertLoss("log_prob", x => PolicyLoss.Gmpo(x, old, advantages, c.Lengths, low, high).sum() / c.Mask.Length, null, "grad_log_prob");
            return [PeerCases.Compared];
        }

        Func<Tensor, Tensor> loss = c.Function.Split('"') is [_, var name, ..]
            ? name switch
            {
                "gspo" => x => PolicyLoss.Gspo(x, old, advantages, c.Lengths, range),
                "cispo" => x => PolicyLoss.Cispo(x, PolicyLoss.Ratio(x, old), advantages, CispoBounds.Verl(low, high)),
                "sapo" => x => PolicyLoss.Sapo(PolicyLoss.Ratio(x, old), advantages, c.Number("tau_pos"), c.Number("tau_neg")),
                "gpg" => x => PolicyLoss.Reinforce(x, advantages),
                _ => throw new NotSupportedException(name),
            }
            : x => PolicyLoss.Clipped(x, old, advantages, range with { DualClip = c.Number("clip_ratio_c") });
        var (average, factor) = Average(c.Text("loss_agg_mode"), c);
        c.AssertLoss("log_prob", loss, LossWeights.PerToken(c.Lengths, average), "grad_log_prob", factor);
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareOpenRlhf(PeerCase c)
    {
        Tensor old = c.Packed("old_log_probs"), advantages = c.Packed("advantages");
        var range = new ClipRange { Low = c.Number("clip_eps_low"), High = c.Number("clip_eps_high"), DualClip = c.NumberOrNull("dual_clip") };
        var ofSequence = c.Text("policy_loss_type") == "gspo";
        // GSPO is averaged over sequences whatever is asked for.
        var bySequence = ofSequence || !c.Inputs.GetProperty("token_level_loss").GetBoolean();
        c.AssertLoss("log_probs",
            x => PolicyLoss.ClippedOfRatio(ofSequence ? Sequences.Spread(PolicyLoss.SequenceRatio(x, old, c.Lengths), c.Lengths) : PolicyLoss.Ratio(x, old), advantages, range),
            LossWeights.PerToken(c.Lengths, bySequence ? LossAverage.Sequence : LossAverage.Token), "grad_log_probs");
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareTrl(PeerCase c)
    {
        var lengths = c.Lengths;
        var old = c.Inputs.GetProperty("old_per_token_logps").ValueKind == System.Text.Json.JsonValueKind.Null ? null : c.Packed("old_per_token_logps");
        var perSequence = tensor(c.Floats("advantages"));
        if (c.Function.Contains("RLOO", StringComparison.Ordinal))
        {
            var rlooRange = new ClipRange { Low = c.Number("epsilon_low"), High = c.Number("epsilon_high") };
            c.AssertLoss("per_token_logps",
                x => PolicyLoss.ClippedOfRatio(PolicyLoss.SequenceProductRatio(x, old!, lengths), perSequence, rlooRange).mean(), null, "grad_per_token_logps");
            return [PeerCases.Compared];
        }

        var type = c.Text("loss_type");
        var variant = c.Inputs.TryGetProperty("variant", out var v) ? v.GetString() : null;
        var beta = c.Number("beta");
        var ofSequence = c.Text("importance_sampling_level") == "sequence";
        var padded = c.Mask.Any(m => !m.All(x => x));
        if (type == "vespo" || variant is "off_policy_mask_0_02" or "top_entropy_0_5")
        {
            return [$"{variant ?? type} is not offered"];
        }

        if (type == "luspo" && padded && (!ofSequence || beta > 0))
        {
            return ["luspo averages padding too where the loss is per token"];
        }

        var reference = beta > 0 ? c.Packed("ref_per_token_logps") : null;
        var advantages = Sequences.Spread(perSequence, lengths);
        var (low, high, delta) = (c.Number("epsilon_low"), c.Number("epsilon_high"), c.NumberOrNull("delta"));
        Tensor Loss(Tensor x)
        {
            var before = old ?? x.detach();
            var ratio = ofSequence ? Sequences.Spread(PolicyLoss.SequenceRatio(x, before, lengths), lengths) : PolicyLoss.Ratio(x, before);
            var loss = type switch
            {
                "cispo" => PolicyLoss.Cispo(x, ratio, advantages, CispoBounds.Trl(high)),
                "sapo" => PolicyLoss.Sapo(ratio, advantages),
                _ => PolicyLoss.ClippedOfRatio(ratio, advantages, new ClipRange { Low = low, High = high, RatioCap = delta }),
            };
            return reference is null ? loss
                : variant == "bias_corrected_kl" ? loss + (beta * Kl.K3(x, reference) * ratio) : loss + (beta * Kl.K3(x, reference));
        }

        // Tokens of the same optimizer step that are computed elsewhere count in the divisor.
        var elsewhere = (int)c.Number("num_items_in_batch") - lengths.Sum();
        var weights = type switch
        {
            "grpo" or "sapo" => LossWeights.PerToken(lengths, LossAverage.Sequence),
            "bnpo" => LossWeights.PerToken(lengths, LossAverage.Token),
            "dr_grpo" => LossWeights.PerToken(lengths, LossAverage.Constant((int)c.Number("max_completion_length"))),
            "luspo" => LossWeights.PerToken(lengths, LossAverage.SequenceSum),
            _ => LossWeights.PerToken(elsewhere > 0 ? [.. lengths, elsewhere] : lengths, LossAverage.Token)[..lengths.Length],
        };
        c.AssertLoss("per_token_logps", Loss, weights, "grad_per_token_logps");
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareValueLoss(PeerCase c)
    {
        var returns = c.Packed("returns");
        if (c.Function.StartsWith("openrlhf", StringComparison.Ordinal))
        {
            var old = c.Packed("old_values");
            c.AssertLoss("values", x => c.NumberOrNull("clip_eps") is { } clip ? ValueLoss.Clipped(x, old, returns, clip) : ValueLoss.Squared(x, returns),
                LossWeights.PerToken(c.Lengths, LossAverage.Token), "grad_values");
        }
        else
        {
            var (average, factor) = Average(c.Text("loss_agg_mode"), c);
            var old = c.Packed("values");
            c.AssertLoss("vpreds", x => ValueLoss.Clipped(x, old, returns, c.Number("cliprange_value")), LossWeights.PerToken(c.Lengths, average), "grad_vpreds", factor, "vf_loss");
        }

        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareAverages(PeerCase c)
    {
        var losses = c.Pack(c.Inputs.GetProperty("loss_mat"));
        foreach (var expected in c.Outputs.EnumerateObject())
        {
            var (average, factor) = Average(expected.Name, c);
            var weights = c.Lengths.Zip(LossWeights.PerToken(c.Lengths, average), (n, w) => Enumerable.Repeat(w, n)).SelectMany(w => w);
            PeerCase.AssertClose([(float)expected.Value.GetDouble()], [(float)(factor * losses.Zip(weights, (l, w) => (double)l * w).Sum())]);
        }

        Assert.Equal(4, c.Outputs.EnumerateObject().Count());
        return [PeerCases.Compared];
    }

    /// <summary>verl's name of an average, and its loss in parts of ours: its constant divisor lacks the number of sequences.</summary>
    private static (LossAverage Average, double Factor) Average(string verl, PeerCase c) => verl switch
    {
        "token-mean" => (LossAverage.Token, 1),
        "seq-mean-token-mean" => (LossAverage.Sequence, 1),
        "seq-mean-token-sum" => (LossAverage.SequenceSum, 1),
        "seq-mean-token-sum-norm" => (LossAverage.Constant(c.Mask[0].Length), c.Lengths.Length),
        _ => throw new NotSupportedException(verl),
    };
}
