namespace RlPrimitives.Algorithms;

/// <summary>A warning on a step: training goes on, but someone should look.</summary>
/// <param name="Name">What it is called in charts and tables.</param>
/// <param name="Message">What was seen, with the number and the threshold.</param>
/// <param name="Remedy">What usually helps.</param>
public sealed record Alarm(string Name, string Message, string Remedy);

/// <summary>When a step carries a warning. A threshold of null is never reached.</summary>
public sealed record AlarmThresholds
{
    /// <summary>Entropy collapse: the entropy is below this share of the run's first; in (0, 1).</summary>
    public double? EntropyShare
    {
        get;
        init => field = value is null or (> 0 and < 1) ? value : throw new ArgumentOutOfRangeException(nameof(EntropyShare), value, "EntropyShare must be above 0 and below 1, or null for never.");
    } = 0.1;

    /// <summary>KL runaway: mean KL to the reference, nats a token.</summary>
    public double? Kl { get; init; } = 1;

    /// <summary>No signal: share of groups without variance.</summary>
    public double? ZeroVariance { get; init; } = 1;

    /// <summary>Truncation: share of trajectories ended by a limit.</summary>
    public double? Truncated { get; init; } = 0.5;

    /// <summary>Sampler mismatch: mean |sampler log-prob − trainer log-prob|, nats a token.</summary>
    public double? SamplerDifference { get; init; } = 0.05;

    /// <summary>Failures: share of trajectories whose environment or tool threw.</summary>
    public double? Failed { get; init; } = 0.25;
}

/// <summary>Compares steps with thresholds.</summary>
/// <param name="thresholds">When to warn.</param>
internal sealed class AlarmBell(AlarmThresholds thresholds)
{
    /// <summary>Entropy of the run's first step, which later ones are compared with.</summary>
    public double? FirstEntropy { get; set; }

    /// <summary>Warnings about a step, in a fixed order.</summary>
    public IReadOnlyList<Alarm> Of(TrainStep step)
    {
        var alarms = new List<Alarm>();
        var update = step.Update;
        if (update.Tokens > 0)
        {
            FirstEntropy ??= update.Entropy;
        }

        if (update.Tokens > 0 && update.Entropy < thresholds.EntropyShare * FirstEntropy)
        {
            Add("entropy collapse", $"entropy {update.Entropy:G3} nats is below {thresholds.EntropyShare:P0} of the first step's {FirstEntropy:G3}",
                "lower the learning rate, raise ClipRange.High (clip-higher), add an EntropyCoefficient or a KL penalty; if the task is solved, stop");
        }

        if (update.Kl > thresholds.Kl)
        {
            Add("KL runaway", $"KL to the reference {update.Kl:G3} nats a token ({update.KlEstimator}) is above {thresholds.Kl:G3}",
                "raise KlPenalty.Coefficient or give it a Target, lower the learning rate, take fewer epochs");
        }

        if (step.Rewards.Length > 0 && step.ZeroVarianceFraction >= thresholds.ZeroVariance)
        {
            Add("no signal", $"{step.ZeroVarianceFraction:P0} of the groups have members with equal rewards",
                "take problems of middling difficulty, a larger group, a finer reward, or AlgorithmConfig.DynamicSampling");
        }

        if (step.Rewards.Length == 0 && step.Rollouts.Trajectories > step.Rollouts.Failed)
        {
            Add("no rewards", $"none of the {step.Rollouts.Trajectories} trajectories has a reward: every objective abstained, and nothing was learned",
                "read RewardBatch.Failures and the objectives: do they expect an answer that the problems do not have");
        }

        if (step.Rollouts.TruncatedFraction > thresholds.Truncated)
        {
            Add("truncation", $"{step.Rollouts.TruncatedFraction:P0} of the trajectories were ended by a limit",
                "raise MaxNewTokens or the step limit, or use Overlong or MasksTruncated");
        }

        if (update.SamplerDifferenceMean > thresholds.SamplerDifference)
        {
            Add("sampler mismatch", $"sampler and trainer log-probs differ by {update.SamplerDifferenceMean:G3} nats a token",
                "check that the sampler has the newest weights and the same precision; otherwise set UpdateConfig.SamplerCorrection");
        }

        var failed = step.Rollouts.Trajectories == 0 ? 0 : (double)step.Rollouts.Failed / step.Rollouts.Trajectories;
        if (failed > thresholds.Failed)
        {
            Add("failures", $"{failed:P0} of the trajectories failed", "read Trajectory.Error of the failed ones: an environment or a tool throws");
        }

        return alarms;

        void Add(string name, FormattableString message, string remedy) => alarms.Add(new Alarm(name, FormattableString.Invariant(message), remedy));
    }
}
