using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;

namespace RlPrimitives.Tests.Algorithms;

/// <summary>What makes no sense is refused where it is written, not in the middle of a run.</summary>
public class OptionTests
{
    public static TheoryData<string, Func<object>> Nonsense => new()
    {
        { "MaxLength", () => new Overlong(0, 1) },
        { "Buffer", () => new Overlong(8, 9) },
        { "Buffer", () => new Overlong(8, 0) },
        { "Factor", () => new Overlong(8, 4, -1) },
        { "EntropyShare", () => new AlarmThresholds { EntropyShare = 1 } },
        { "Gamma", () => new ReturnAdvantage(1.01) },
        { "Gamma", () => new ReinforcePlusPlusAdvantage(-0.1) },
        { "Gamma", () => new GeneralizedAdvantage(double.NaN) },
        { "Lambda", () => new GeneralizedAdvantage(1, 2) },
        { "Lambda", () => new GeneralizedAdvantage() with { Lambda = -1 } },
        { "Low", () => new GmpoLoss(-1) },
        { "High", () => new GmpoLoss() with { High = -0.4 } },
        { "TemperaturePositive", () => new SapoLoss(0) },
        { "TemperatureOther", () => new SapoLoss() with { TemperatureOther = 0 } },
        { "Minimum", () => new CispoBounds(-1, 1) },
        { "Maximum", () => new CispoBounds(2, 1) },
        { "Difference", () => new KlClamp(0, 1) },
        { "Result", () => KlClamp.Verl with { Result = -10 } },
        { "DualClip", () => new ClipRange { DualClip = 1 } },
        { "Target", () => KlPenalty.InLoss with { Target = 0 } },
        { "PassAt", () => new EvaluationPlan { Problems = [new("p", "", "")], PassAt = [0] } },
    };

    [Theory]
    [MemberData(nameof(Nonsense), DisableDiscoveryEnumeration = true)]
    public void Nonsense_is_refused_by_name(string option, Func<object> make) =>
        Assert.Contains(option, Assert.ThrowsAny<ArgumentException>(make).Message, StringComparison.Ordinal);

    [Fact]
    public void What_makes_sense_stays_as_it_was_written()
    {
        Assert.Equal((0.9, 1.0), ((new GeneralizedAdvantage() with { Gamma = 0.9, Lambda = 1 }).Gamma, (new GeneralizedAdvantage(Lambda: 1)).Lambda));
        Assert.Equal(new GeneralizedAdvantage(0.9, 1), new GeneralizedAdvantage() with { Gamma = 0.9, Lambda = 1 });
        Assert.Equal((8, 2, 0.5), (new Overlong(8, 2, 0.5).MaxLength, new Overlong(8, 2, 0.5).Buffer, new Overlong(8, 2, 0.5).Factor));
        Assert.Equal((0.8, 1.2), (CispoBounds.Verl().Minimum, CispoBounds.Verl().Maximum));
        Assert.Equal((20, 5), ((KlClamp.Verl with { Result = 5 }).Difference, (KlClamp.Verl with { Result = 5 }).Result));
    }
}
