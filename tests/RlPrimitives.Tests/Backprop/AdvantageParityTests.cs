using RlPrimitives.Backprop;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Advantages, returns, whitening and token rewards against TRL, verl and OpenRLHF.</summary>
public class AdvantageParityTests
{
    private const string VerlAdvantage =
        "verl core_algos.compute_{grpo,grpo_vectorized,rloo,rloo_vectorized,opo,gpg,reinforce_plus_plus_baseline,grpo_passk}_outcome_advantage (epsilon=1e-6)";

    [Fact]
    public void Returns_and_generalized_advantages_match_the_peers() => PeerCases.Run("gae", CompareGae,
        "13 × verl.trainer.ppo.core_algos.compute_gae_advantage_return: compared",
        "9 × openrlhf...experience_maker.get_advantages_and_returns: compared",
        "3 × verbatim trl/trl/experimental/ppo/ppo_trainer.py:763-800 (TRL PPOTrainer.train: kl reward, whitening, GAE): compared");

    [Fact]
    public void Whitening_matches_the_peers() => PeerCases.Run("masked_stats", CompareWhitening,
        "3 × verl.utils.torch_functional.masked_mean/masked_var/masked_whiten: compared",
        "4 × trl.experimental.ppo.ppo_trainer.masked_mean/masked_var/masked_whiten: compared",
        "3 × openrlhf.models.utils.masked_mean/masked_normalize: compared");

    [Fact]
    public void Advantages_match_verl() => PeerCases.Run("advantages_verl", CompareVerl,
        $"5 × {VerlAdvantage}: grpo_norm_std=True compared",
        $"5 × {VerlAdvantage}: grpo_norm_std=False compared",
        $"5 × {VerlAdvantage}: grpo_vectorized_norm_std=True compared",
        $"5 × {VerlAdvantage}: grpo_vectorized_norm_std=False compared",
        $"5 × {VerlAdvantage}: rloo compared",
        $"5 × {VerlAdvantage}: rloo_vectorized compared",
        $"5 × {VerlAdvantage}: reinforce_plus_plus_baseline compared",
        $"5 × {VerlAdvantage}: opo is not offered",
        $"5 × {VerlAdvantage}: gpg is not offered",
        $"3 × {VerlAdvantage}: grpo_passk_norm_std=True is not offered",
        $"3 × {VerlAdvantage}: grpo_passk_norm_std=False is not offered");

    [Fact]
    public void Advantages_match_TRL() => PeerCases.Run("advantages_trl", CompareTrl,
        "9 × verbatim trl/trl/trainer/grpo_trainer.py:2679-2731 (GRPOTrainer._generate_and_score_completions): compared",
        "2 × verbatim trl/trl/trainer/rloo_trainer.py:1525-1562 (RLOOTrainer): compared");

    [Fact]
    public void Advantages_match_OpenRLHF() => PeerCases.Run("advantages_openrlhf", CompareOpenRlhf,
        "8 × openrlhf experience_maker.compute_advantages_and_returns (kl_coef 0.05; final normalisation in float32): compared");

    [Fact]
    public void Reinforce_advantages_match_the_peers() => PeerCases.Run("reinforce", CompareReinforce,
        "2 × verl core_algos.compute_remax_outcome_advantage: compared",
        "3 × openrlhf experience_maker.get_cumulative_returns: compared",
        "4 × verl core_algos.compute_reinforce_plus_plus_outcome_advantage: compared");

    private static IEnumerable<string> CompareGae(PeerCase c)
    {
        if (c.Function.Contains("PPOTrainer", StringComparison.Ordinal))
        {
            return CompareTrlPpo(c);
        }

        var verl = c.Function.StartsWith("verl", StringComparison.Ordinal);
        var rewards = c.Rows(verl ? "token_level_rewards" : "rewards");
        var values = c.Rows("values");
        var rows = rewards.Select((r, b) => Advantages.Gae(r, values[b], c.Mask[b], c.Number("gamma"), c.Number(verl ? "lam" : "lambd"))).ToArray();
        var advantages = c.Pack([.. rows.Select(r => r.Advantages)]);
        PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("returns")), c.Pack([.. rows.Select(r => r.Returns)]));
        PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty(verl ? "advantages_raw_eq_returns_minus_values" : "advantages")), advantages);
        if (verl)
        {
            PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("advantages_whitened")), Advantages.Whiten(advantages));
        }

        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareTrlPpo(PeerCase c)
    {
        var last = Array.ConvertAll(c.Floats("sequence_lengths_last_token_index"), x => (int)x);
        var estimator = c.Text("kl_estimator") == "k1" ? KlEstimator.K1 : KlEstimator.K3;
        float[][] logProbs = c.Rows("logprobs"), reference = c.Rows("ref_logprobs"), values = c.Rows("values");
        var scores = c.Floats("scores");
        var width = values[0].Length;
        // TRL's value mask, and so its time steps, reach one token past the last.
        bool[][] sampled = [.. last.Select(l => Enumerable.Range(0, width).Select(t => t <= l).ToArray())], steps = [.. last.Select(l => Enumerable.Range(0, width).Select(t => t <= l + 1).ToArray())];
        var rewards = last.Select((l, b) =>
        {
            var r = TokenRewards.WithKl(new float[l + 1], logProbs[b].AsSpan(0, l + 1), reference[b].AsSpan(0, l + 1), c.Number("kl_coef"), estimator);
            Array.Resize(ref r, width);
            r[Math.Min(l + 1, width - 1)] += scores[b];
            return r;
        }).ToArray();
        if (c.Inputs.GetProperty("whiten_rewards").GetBoolean())
        {
            rewards = [.. Advantages.Whiten([.. rewards.SelectMany(x => x)], [.. steps.SelectMany(x => x)], Whitening.Verl with { KeepsMean = true }).Chunk(width)];
        }

        PeerCase.AssertClose([.. PeerCase.Matrix(c.Outputs.GetProperty("rewards")).SelectMany(x => x)], [.. rewards.SelectMany(x => x)]);
        var rows = rewards.Select((r, b) => Advantages.Gae(r, values[b], steps[b], c.Number("gamma"), c.Number("lam"))).ToArray();
        PeerCase.AssertClose([.. PeerCase.Matrix(c.Outputs.GetProperty("returns")).SelectMany(x => x)], [.. rows.SelectMany(r => r.Returns)]);
        PeerCase.AssertClose(
            [.. PeerCase.Matrix(c.Outputs.GetProperty("advantages")).SelectMany(x => x)],
            Advantages.Whiten([.. rows.SelectMany(r => r.Advantages)], [.. sampled.SelectMany(x => x)]));
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareWhitening(PeerCase c)
    {
        var values = c.Rows("values");
        if (c.Function.StartsWith("openrlhf", StringComparison.Ordinal))
        {
            var rows = values.Select((v, b) => Advantages.Whiten(v, c.Mask[b], Whitening.OpenRlhf)).ToArray();
            PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("masked_normalize_dim1")), c.Pack(rows));
            return [PeerCases.Compared];
        }

        float[] flat = [.. values.SelectMany(x => x)];
        bool[] mask = [.. c.Mask.SelectMany(x => x)];
        foreach (var (name, whitening) in new[] { ("masked_whiten", Whitening.Verl), ("masked_whiten_keep_mean", Whitening.Verl with { KeepsMean = true }) })
        {
            var actual = Advantages.Whiten(flat, mask, whitening);
            PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty(name)), c.Pack([.. actual.Chunk(values[0].Length)]));
            Assert.All(actual.Zip(mask).Where(p => !p.Second), p => Assert.Equal(0, p.First));
        }

        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareVerl(PeerCase c)
    {
        var scores = Array.ConvertAll(c.Floats("scores"), x => (float?)x);
        var names = c.Inputs.GetProperty("index").EnumerateArray().Select(e => e.ToString()).ToList();
        var groups = names.Select(n => names.IndexOf(n)).ToArray();
        foreach (var output in c.Outputs.EnumerateObject())
        {
            var perRow = output.Name switch
            {
                "grpo_norm_std=True" => Advantages.GroupRelative(scores, groups, GroupConvention.Verl),
                "grpo_vectorized_norm_std=True" => Advantages.GroupRelative(scores, groups, GroupConvention.Verl),
                "grpo_norm_std=False" or "grpo_vectorized_norm_std=False" => Advantages.GroupRelative(scores, groups, GroupConvention.DrGrpo with { SingleKeepsReward = true }),
                "rloo" => Advantages.LeaveOneOut(scores, groups, singleKeepsReward: true),
                "rloo_vectorized" => Advantages.LeaveOneOut(scores, groups),
                _ => null,
            };
            var packed = perRow is not null ? [.. perRow.Zip(c.Lengths, (a, n) => Enumerable.Repeat(a, n)).SelectMany(x => x)]
                : output.Name == "reinforce_plus_plus_baseline" ? Advantages.ReinforcePlusPlusBaseline(scores, groups, c.Lengths, singleKeepsReward: true) : null;
            if (packed is not null)
            {
                PeerCase.AssertClose(c.Pack(output.Value), packed);
            }

            yield return $"{output.Name} {(packed is null ? "is not offered" : PeerCases.Compared)}";
        }
    }

    private static IEnumerable<string> CompareTrl(PeerCase c)
    {
        var groups = Enumerable.Range(0, 12).Select(i => i / (int)c.Number("num_generations")).ToArray();
        var expected = Fixtures.Floats(c.Outputs.GetProperty("advantages"));
        if (c.Function.Contains("RLOO", StringComparison.Ordinal))
        {
            float[][] old = c.Rows("old_per_token_logps"), reference = c.Rows("ref_per_token_logps");
            var shaped = c.Floats("rewards").Select((r, b) => (float?)(r + TokenRewards.WithKl(new float[old[b].Length], old[b], reference[b], c.Number("beta"))
                .Where((_, t) => c.Mask[b][t]).Sum(x => (double)x))).ToArray();
            var advantages = Advantages.LeaveOneOut(shaped, groups);
            PeerCase.AssertClose(expected, c.Inputs.GetProperty("normalize_advantages").GetBoolean()
                ? Advantages.BatchRelative(Array.ConvertAll(advantages, a => (float?)a)) : advantages);
            return [PeerCases.Compared];
        }

        var weights = c.Floats("reward_weights");
        var rows = c.Rows("rewards_per_func");
        // One absent objective counts as 0 in the weighted sum; a row without any is absent.
        var sums = rows.Select(row => row.All(float.IsNaN) ? null : (float?)row.Zip(weights).Sum(p => float.IsNaN(p.First) ? 0 : (double)p.First * p.Second)).ToArray();
        var objectives = weights.Select((_, k) => rows.Select(r => float.IsNaN(r[k]) ? null : (float?)r[k]).ToArray()).ToArray();
        PeerCase.AssertClose(expected, (c.Text("multi_objective_aggregation"), c.Text("scale_rewards")) switch
        {
            ("normalize_then_sum", "group") => Advantages.Gdpo(objectives, weights, groups),
            ("sum_then_normalize", "group") => Advantages.GroupRelative(sums, groups, GroupConvention.Trl),
            ("sum_then_normalize", "batch") => Advantages.GroupMeanBatchDeviation(sums, groups),
            ("sum_then_normalize", "none") => Advantages.GroupRelative(sums, groups, GroupConvention.DrGrpo),
            var other => throw new NotSupportedException(other.ToString()),
        });
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareOpenRlhf(PeerCase c)
    {
        var estimator = c.Text("estimator");
        var groups = Enumerable.Range(0, 8).Select(i => i / (int)c.Number("n_samples_per_prompt")).ToArray();
        var rewards = Array.ConvertAll(c.Floats("rewards"), r => (float?)r);
        var shaped = estimator switch
        {
            "rloo" => Advantages.LeaveOneOut(rewards, groups),
            "group_norm" => Advantages.GroupRelative(rewards, groups, GroupConvention.OpenRlhf),
            "reinforce_baseline" or "dr_grpo" => Advantages.GroupRelative(rewards, groups, GroupConvention.DrGrpo),
            _ => Array.ConvertAll(rewards, r => r!.Value),
        };
        float[][] kl = c.Rows("kl"), values = c.Rows("values");
        var rows = shaped.Select((reward, b) =>
        {
            // The score lies on the last sampled token; kl is given, so the reference is minus it.
            var score = new float[kl[b].Length];
            score[Array.LastIndexOf(c.Mask[b], true)] = reward;
            var r = TokenRewards.WithKl(score, kl[b], new float[kl[b].Length], c.Number("kl_coef"));
            if (estimator == "gae")
            {
                return Advantages.Gae(r, values[b], c.Mask[b], c.Number("gamma"), c.Number("lambd"));
            }

            var returns = Advantages.ReturnsToGo(r, c.Mask[b], c.Number("gamma"));
            return (returns, returns);
        }).ToArray();
        PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("returns")), c.Pack([.. rows.Select(r => r.Item2)]));
        var advantages = c.Pack([.. rows.Select(r => r.Item1)]);
        if (estimator is "gae" or "reinforce" or "reinforce_baseline")
        {
            advantages = Advantages.Whiten(advantages, convention: Whitening.OpenRlhf with { Scales = !c.Inputs.GetProperty("no_std_norm").GetBoolean() });
        }

        PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("advantages")), advantages);
        return [PeerCases.Compared];
    }

    private static IEnumerable<string> CompareReinforce(PeerCase c)
    {
        var rewards = c.Rows(c.Function.StartsWith("openrlhf", StringComparison.Ordinal) ? "rewards" : "token_level_rewards");
        if (c.Function.Contains("plus_plus", StringComparison.Ordinal))
        {
            // verl forgets the return at an observation: each stretch between observations is a sequence of its own.
            var stretches = c.Mask.SelectMany(m => new string(Array.ConvertAll(m, x => x ? 'x' : ' ')).Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(s => s.Length).ToArray();
            PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("advantages")), Advantages.ReinforcePlusPlus(c.Pack(rewards), stretches, c.Number("gamma")));
            return [PeerCases.Compared];
        }

        var gamma = c.Inputs.TryGetProperty("gamma", out var g) ? g.GetDouble() : 1;
        var returns = rewards.Select((r, b) => Advantages.ReturnsToGo(r, c.Mask[b], gamma)).ToArray();
        PeerCase.AssertClose(c.Pack(c.Outputs.GetProperty("returns")), c.Pack(returns));
        if (c.Outputs.TryGetProperty("advantages", out var advantages))
        {
            // ReMax: the return less that of the greedy response.
            var baselines = c.Floats("reward_baselines");
            PeerCase.AssertClose(c.Pack(advantages), c.Pack([.. returns.Select((r, b) => Array.ConvertAll(r, x => x - baselines[b]))]));
        }

        return [PeerCases.Compared];
    }
}
