using RlPrimitives.Backprop;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Learning-rate schedules and overlong penalties.</summary>
public class ScheduleTests
{
    [Fact]
    public void Schedules_and_penalties_match_transformers_TRL_and_OpenRLHF() => PeerCases.Run("misc", Compare,
        "0 × none");

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
                return ["not offered"];
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

        return [c.Name.Split('/')[0] == "adamw" ? "compared in LossTests" : "not of this room or not offered"];
    }
}
