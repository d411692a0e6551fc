using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>Each alarm by itself: reached, not reached, switched off.</summary>
public class AlarmTests
{
    [Theory]
    [InlineData("KL runaway", "KlPenalty.Coefficient")]
    [InlineData("sampler mismatch", "SamplerCorrection")]
    [InlineData("failures", "Trajectory.Error")]
    [InlineData("truncation", "MaxNewTokens")]
    [InlineData("no signal", "DynamicSampling")]
    [InlineData("entropy collapse", "learning rate")]
    public void An_alarm_rings_beyond_its_threshold_and_names_a_remedy(string name, string remedy)
    {
        var calm = Step(new UpdateStatistics { Tokens = 10, Entropy = 2, Kl = 0.1 });
        var loud = name switch
        {
            "KL runaway" => Step(calm.Update with { Kl = 1.5 }),
            "sampler mismatch" => Step(calm.Update with { SamplerDifferenceMean = 0.2 }),
            "failures" => calm with { Rollouts = calm.Rollouts with { Failed = 5 } },
            "truncation" => calm with { Rollouts = calm.Rollouts with { Truncated = 6 } },
            "no signal" => calm with { ZeroVarianceFraction = 1 },
            _ => Step(calm.Update with { Entropy = 0.1 }),
        };
        var bell = new AlarmBell(new AlarmThresholds());
        Assert.Empty(bell.Of(calm)); // also the step that later entropies are compared with
        var alarm = Assert.Single(bell.Of(loud));
        Assert.Equal(name, alarm.Name);
        Assert.Contains(remedy, alarm.Remedy, StringComparison.Ordinal);
        var off = new AlarmBell(new AlarmThresholds { EntropyShare = null, Kl = null, ZeroVariance = null, Truncated = null, SamplerDifference = null, Failed = null });
        Assert.Empty(off.Of(calm));
        Assert.Empty(off.Of(loud));
    }

    private static TrainStep Step(UpdateStatistics update) =>
        new(1, 1, [0, 1], new Dictionary<string, Summary>(), [0, 0], 0, update, new RolloutStatistics(10, 10, 0, 0, 10, 10, 10, 1, 1, 1), 1);
}
