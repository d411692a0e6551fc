namespace RlPrimitives.Backprop;

/// <summary>How a learning rate falls after its warm-up.</summary>
public enum LearningRateDecay
{
    /// <summary>Not at all.</summary>
    Constant,

    /// <summary>In a straight line.</summary>
    Linear,

    /// <summary>Along half a cosine (Loshchilov, Hutter 2017, arXiv:1608.03983, eq. 5).</summary>
    Cosine,
}

/// <summary>The learning rate of each step: a linear rise from 0, then a decay to a share of the peak, where it stays.</summary>
public sealed record LearningRateSchedule
{
    /// <summary>The highest learning rate; above 0.</summary>
    public required double Peak
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Peak), value, "Peak must be finite and above 0.");
    }

    /// <summary>The step at which the decay ends; at least 1.</summary>
    public required int Steps
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Steps), value, "Steps must be at least 1.");
    }

    /// <summary>Steps of the rise; at least 0.</summary>
    public int WarmupSteps
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(WarmupSteps), value, "WarmupSteps must be at least 0.");
    }

    /// <summary>The form of the decay.</summary>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Constant;

    /// <summary>Share of the peak at the end of the decay, in [0, 1]; without effect on a constant rate.</summary>
    public double FinalFraction
    {
        get;
        init => field = value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(nameof(FinalFraction), value, "FinalFraction must be in [0, 1].");
    }

    /// <summary>
    /// peak·step/warmup up to the end of the warm-up; then, with x = (step − warmup)/(steps − warmup) and f the final fraction,
    /// peak·(f + (1 − f)·(1 − x)) or peak·(f + (1 − f)·½(1 + cos πx)).
    /// </summary>
    /// <remarks>Counted from 1, the first step has a rate above 0. Past the last step the rate stays at f·peak, where transformers' cosine rises again.</remarks>
    /// <param name="step">At least 0.</param>
    public double At(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (WarmupSteps > 0 && step <= WarmupSteps)
        {
            return Peak * step / WarmupSteps;
        }

        var progress = Math.Min(1, (double)(step - WarmupSteps) / Math.Max(1, Steps - WarmupSteps));
        return Decay switch
        {
            LearningRateDecay.Linear => Peak * (FinalFraction + ((1 - FinalFraction) * (1 - progress))),
            LearningRateDecay.Cosine => Peak * (FinalFraction + ((1 - FinalFraction) * 0.5 * (1 + Math.Cos(Math.PI * progress)))),
            _ => Peak,
        };
    }
}
