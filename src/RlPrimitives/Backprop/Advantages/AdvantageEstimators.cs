namespace RlPrimitives.Backprop;

/// <summary>GRPO and its relatives: the group is the baseline; see <see cref="Advantages.GroupRelative(ReadOnlySpan{float?}, GroupConvention)"/>.</summary>
/// <param name="Convention">Divisor, ε and what a group of one gets.</param>
public sealed record GroupRelativeAdvantage(GroupConvention Convention) : IAdvantageEstimator
{
    /// <summary>TRL's convention.</summary>
    public GroupRelativeAdvantage()
        : this(GroupConvention.Trl)
    {
    }

    /// <inheritdoc/>
    public bool NeedsGroups => true;

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input) => input.Spread(Advantages.GroupRelative(input.PenalizedRewards(), input.Groups, Convention));
}

/// <summary>RLOO: the mean of the group's other members is the baseline; see <see cref="Advantages.LeaveOneOut(ReadOnlySpan{float?}, ReadOnlySpan{int}, bool)"/>.</summary>
public sealed record LeaveOneOutAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public bool NeedsGroups => true;

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input) => input.Spread(Advantages.LeaveOneOut(input.PenalizedRewards(), input.Groups));
}

/// <summary>Group mean, batch deviation; see <see cref="Advantages.GroupMeanBatchDeviation"/>.</summary>
/// <param name="Epsilon">ε.</param>
public sealed record GroupMeanBatchDeviationAdvantage(double Epsilon = 1e-4) : IAdvantageEstimator
{
    /// <inheritdoc/>
    public bool NeedsGroups => true;

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input) => input.Spread(Advantages.GroupMeanBatchDeviation(input.PenalizedRewards(), input.Groups, Epsilon));
}

/// <summary>(r − μ)/(s + ε) over the whole batch: for rewards that a method has compared within groups already (GDPO); see <see cref="Advantages.BatchRelative"/>.</summary>
/// <param name="Epsilon">ε.</param>
public sealed record BatchRelativeAdvantage(double Epsilon = 1e-4) : IAdvantageEstimator
{
    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input) => input.Spread(Advantages.BatchRelative(input.PenalizedRewards(), Epsilon));
}

/// <summary>REINFORCE: return to go minus the batch's mean reward, or the return itself.</summary>
/// <param name="Gamma">γ, in [0, 1].</param>
/// <param name="Baseline">Whether the mean reward of the batch is subtracted: the same gradient in expectation, with less noise (Williams 1992).</param>
public sealed record ReturnAdvantage(double Gamma = 1, bool Baseline = true) : IAdvantageEstimator
{
    /// <summary>γ.</summary>
    public double Gamma { get; init => field = AdvantageShapes.Discount(value, nameof(Gamma)); } = AdvantageShapes.Discount(Gamma, nameof(Gamma));

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input)
    {
        var rewards = input.PenalizedRewards().OfType<float>().ToArray();
        var mean = Baseline && rewards.Length > 0 ? (float)rewards.Average(r => (double)r) : 0;
        return new AdvantageBatch(input.PerTrajectory(b => Array.ConvertAll(Advantages.ReturnsToGo(input.TokenRewards(b), gamma: Gamma), r => r - mean)));
    }
}

/// <summary>REINFORCE++: whitened returns to go; see <see cref="Advantages.ReinforcePlusPlus"/>.</summary>
/// <param name="Gamma">γ, in [0, 1].</param>
public sealed record ReinforcePlusPlusAdvantage(double Gamma = 1) : IAdvantageEstimator
{
    /// <summary>γ.</summary>
    public double Gamma { get; init => field = AdvantageShapes.Discount(value, nameof(Gamma)); } = AdvantageShapes.Discount(Gamma, nameof(Gamma));

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input)
    {
        var present = Enumerable.Range(0, input.Rewards.Length).Where(b => input.Rewards[b] is not null).ToArray();
        var whitened = Advantages.ReinforcePlusPlus(
            present.SelectMany(input.TokenRewards).ToArray(), Array.ConvertAll(present, b => input.Lengths[b]), Gamma);
        return new AdvantageBatch(input.Deal(present, whitened));
    }
}

/// <summary>REINFORCE++ with the group's mean as baseline; see <see cref="Advantages.ReinforcePlusPlusBaseline"/>.</summary>
public sealed record ReinforcePlusPlusBaselineAdvantage : IAdvantageEstimator
{
    /// <inheritdoc/>
    public bool NeedsGroups => true;

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input)
    {
        var all = Enumerable.Range(0, input.Rewards.Length).ToArray();
        return new AdvantageBatch(input.Deal(all, Advantages.ReinforcePlusPlusBaseline(input.PenalizedRewards(), input.Groups, input.Lengths)));
    }
}

/// <summary>PPO: generalized advantage estimates over the sampled tokens; observations are no time steps; see <see cref="Advantages.Gae"/>.</summary>
/// <param name="Gamma">γ, in [0, 1].</param>
/// <param name="Lambda">λ, in [0, 1]; verl's default is 1.</param>
public sealed record GeneralizedAdvantage(double Gamma = 1, double Lambda = 0.95) : IAdvantageEstimator
{
    /// <summary>γ.</summary>
    public double Gamma { get; init => field = AdvantageShapes.Discount(value, nameof(Gamma)); } = AdvantageShapes.Discount(Gamma, nameof(Gamma));

    /// <summary>λ.</summary>
    public double Lambda { get; init => field = AdvantageShapes.Discount(value, nameof(Lambda)); } = AdvantageShapes.Discount(Lambda, nameof(Lambda));

    /// <summary>How advantages are whitened over the tokens of the batch; null for not at all. Returns are those before.</summary>
    public Whitening? Whitening { get; init; } = Whitening.Verl;

    /// <inheritdoc/>
    public bool NeedsValues => true;

    /// <inheritdoc/>
    public AdvantageBatch Estimate(AdvantageInput input)
    {
        var values = input.Values ?? throw new ArgumentException("Generalized advantages need values: give the backprop module a value model (BackpropConfig.Value).", nameof(input));
        var returns = new float[input.Lengths.Length][];
        var advantages = input.PerTrajectory(b =>
        {
            var (a, r) = Advantages.Gae(input.TokenRewards(b), values[b], gamma: Gamma, lambda: Lambda);
            returns[b] = r;
            return a;
        });
        if (Whitening is not null)
        {
            var present = Enumerable.Range(0, returns.Length).Where(b => input.Rewards[b] is not null).ToArray();
            advantages = input.Deal(present, Advantages.Whiten(present.SelectMany(b => advantages[b]).ToArray(), convention: Whitening));
        }

        return new AdvantageBatch(advantages, [.. returns.Select((r, b) => r ?? new float[input.Lengths[b]])]);
    }
}

/// <summary>From numbers of trajectories to numbers of their tokens.</summary>
internal static class AdvantageShapes
{
    /// <summary>A discount that may be one.</summary>
    public static double Discount(double value, string name) => value is >= 0 and <= 1 ? value : throw new ArgumentOutOfRangeException(name, value, $"{name} must be in [0, 1].");

    /// <summary>One advantage on all tokens of a trajectory.</summary>
    public static AdvantageBatch Spread(this AdvantageInput input, float[] advantages) =>
        new([.. advantages.Select((a, b) => Enumerable.Repeat(a, input.Lengths[b]).ToArray())]);

    /// <summary>Advantages of each trajectory that has a reward; zeros for the others.</summary>
    public static float[][] PerTrajectory(this AdvantageInput input, Func<int, float[]> compute) =>
        [.. input.Rewards.Select((r, b) => r is null ? new float[input.Lengths[b]] : compute(b))];

    /// <summary>Numbers of all tokens of some trajectories, dealt to them; zeros for the others.</summary>
    public static float[][] Deal(this AdvantageInput input, int[] trajectories, float[] values)
    {
        var result = Array.ConvertAll(input.Lengths, length => new float[length]);
        var start = 0;
        foreach (var b in trajectories)
        {
            values.AsSpan(start, input.Lengths[b]).CopyTo(result[b]);
            start += input.Lengths[b];
        }

        return result;
    }
}
