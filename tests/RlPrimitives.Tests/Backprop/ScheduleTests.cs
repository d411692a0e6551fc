using RlPrimitives.Backprop;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Learning-rate schedules and overlong penalties.</summary>
public class ScheduleTests
{
    private const string Schedule = "transformers.get_scheduler";
    private const string Steps = "lr=1e-3, num_warmup_steps=5, num_training_steps=25";

    [Fact]
    public void Schedules_and_penalties_match_transformers_TRL_and_OpenRLHF() => PeerCases.Run("misc", Compare,
        $"1 × {Schedule}(\"linear\", {Steps}, {{}}); value at step i: compared",
        $"1 × {Schedule}(\"constant_with_warmup\", {Steps}, {{}}); value at step i: compared",
        $"1 × {Schedule}(\"cosine_with_min_lr\", {Steps}, {{'min_lr_rate': 0.1}}); value at step i: compared",
        $"1 × {Schedule}(\"cosine_with_restarts\", {Steps}, {{'num_cycles': 2}}); value at step i: is not offered",
        $"1 × {Schedule}(\"inverse_sqrt\", {Steps}, {{}}); value at step i: is not offered",
        "1 × trl.rewards.get_soft_overlong_punishment(max_completion_len=100,soft_punish_cache=20): compared",
        "1 × openrlhf length_penalty.apply_overlong_penalty(max_new_tokens=100,buffer=20,factor=0.5): compared",
        "2 × torch.optim.AdamW + torch.nn.utils.clip_grad_norm_ (float64): compared in LossTests",
        "1 × torch.optim.AdamW + torch.nn.utils.clip_grad_norm_ (float64): amsgrad is not offered",
        "6 × openrlhf.models.loss.DPOLoss: preference losses are not offered",
        "1 × openrlhf.models.loss.PairWiseLoss: preference losses are not offered",
        "1 × trl.rewards.get_repetition_penalty_reward(ngram_size=1,max_penalty=-1.0): a reward, not of this room",
        "1 × trl.rewards.get_repetition_penalty_reward(ngram_size=3,max_penalty=-1.0): a reward, not of this room",
        "2 × verl torch_functional.get_response_mask: masks come from what was sampled, not from ids");

    [Theory]
    [InlineData(16384, 0)]
    [InlineData(18432, -.5)]
    [InlineData(20480, -1)]
    [InlineData(30000, -1)]
    public void The_overlong_penalty_has_its_literal_values(int length, double expected)
    {
        Assert.Equal(expected, OverlongPenalty.Of(length, 20480, 4096), 1e-12);
        Assert.Throws<ArgumentOutOfRangeException>(() => OverlongPenalty.Of(length, 100, 101));
    }

    [Fact]
    public void A_schedule_without_warm_up_starts_at_its_peak_and_stays_at_its_end()
    {
        var cosine = new LearningRateSchedule { Peak = 2, Steps = 10, Decay = LearningRateDecay.Cosine, FinalFraction = 0.1 };
        Assert.Equal(2, cosine.At(0), 1e-12);
        Assert.Equal(0.2, cosine.At(10), 1e-12);
        Assert.Equal(0.2, cosine.At(13), 1e-12);
        Assert.Equal(1.1, (cosine with { Decay = LearningRateDecay.Linear }).At(5), 1e-12);
        Assert.Equal(2, (cosine with { Decay = LearningRateDecay.Constant }).At(10), 1e-12);
        Assert.Throws<ArgumentOutOfRangeException>(() => cosine.At(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => cosine with { Peak = 0 });
    }

    private static IEnumerable<string> Compare(PeerCase c)
    {
        if (c.Name.StartsWith("schedule/", StringComparison.Ordinal))
        {
            LearningRateDecay? decay = c.Name["schedule/".Length..] switch
            {
                "linear" => LearningRateDecay.Linear, "constant_with_warmup" => LearningRateDecay.Constant, "cosine_with_min_lr" => LearningRateDecay.Cosine, _ => null,
            };
            if (decay is null)
            {
                return ["is not offered"];
            }

            var schedule = new LearningRateSchedule
            {
                Peak = c.Number("lr"), Steps = (int)c.Number("total"), WarmupSteps = (int)c.Number("warmup"), Decay = decay.Value,
                FinalFraction = decay == LearningRateDecay.Cosine ? c.Number("min_lr_rate") : 0,
            };
            var expected = c.Outputs.EnumerateArray().Select(e => e.GetDouble()).ToArray();
            var steps = decay == LearningRateDecay.Cosine ? schedule.Steps + 1 : expected.Length; // transformers' cosine rises again past its end
            for (var i = 0; i < steps; i++)
            {
                Assert.Equal(expected[i], schedule.At(i), 1e-12);
            }

            return [PeerCases.Compared];
        }

        if (c.Name is "trl/soft_overlong_punishment" or "openrlhf/overlong_penalty")
        {
            var trl = c.Name.StartsWith("trl", StringComparison.Ordinal);
            PeerCase.AssertClose(Fixtures.Floats(trl ? c.Outputs : c.Outputs.GetProperty("rewards")),
                Array.ConvertAll(c.Floats("lengths"), l => (float)OverlongPenalty.Of((int)l, 100, 20, trl ? 1 : 0.5)));
            return [PeerCases.Compared];
        }

        return [c.Function switch
        {
            var f when f.StartsWith("torch.optim.AdamW", StringComparison.Ordinal) => c.Inputs.GetProperty("amsgrad").GetBoolean() ? "amsgrad is not offered" : "compared in LossTests",
            var f when f.StartsWith("openrlhf.models.loss", StringComparison.Ordinal) => "preference losses are not offered",
            var f when f.StartsWith("trl.rewards", StringComparison.Ordinal) => "a reward, not of this room",
            var f when f.EndsWith("get_response_mask", StringComparison.Ordinal) => "masks come from what was sampled, not from ids",
            var f => throw new NotSupportedException(f),
        }];
    }
}
