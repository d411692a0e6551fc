using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>The parts of an algorithm put together, after everything that cannot work has been refused.</summary>
/// <param name="Phase">Collects and scores.</param>
/// <param name="Advantages">From rewards to advantages.</param>
/// <param name="Update">What is minimised.</param>
/// <param name="Recorder">Makes the step record.</param>
/// <param name="Environment">What the model is trained in.</param>
/// <param name="Rollouts">Collects.</param>
/// <param name="Backprop">Updates.</param>
/// <param name="Config">What the user asked for.</param>
/// <param name="Log">Tells the trackers.</param>
internal sealed record AlgorithmSetup(
    ExperiencePhase Phase, IAdvantageEstimator Advantages, UpdateConfig Update, StepRecorder Recorder, BaseEnvironment Environment, RolloutManager Rollouts,
    BackpropModule Backprop, AlgorithmConfig Config, RunLog Log)
{
    /// <summary>From rewards, with the KL where it is a part of them, to advantages.</summary>
    public AdvantageBatch AdvantagesOf(Experience experience)
    {
        var klInReward = Update.Kl.Placement == KlPlacement.Reward ? Backprop.KlCoefficient(Update) : 0;
        return Chosen(Config, Advantages, experience.Scores.Method).Estimate(experience.ToAdvantageInput(klInReward, Update.Kl));
    }

    /// <summary>Checks how the parts fit.</summary>
    /// <param name="environment">What the model is trained in.</param>
    /// <param name="rollouts">Collects.</param>
    /// <param name="rewards">Scores.</param>
    /// <param name="backprop">Updates.</param>
    /// <param name="given">What the user asked for.</param>
    /// <param name="advantages">The algorithm's own way from rewards to advantages.</param>
    /// <param name="update">The algorithm's own loss.</param>
    /// <param name="needsGroups">Whether the algorithm makes no sense without groups.</param>
    public static AlgorithmSetup Of(
        BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig? given,
        IAdvantageEstimator advantages, UpdateConfig update, bool needsGroups)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(rollouts);
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(backprop);
        var config = given ?? new AlgorithmConfig();
        (advantages, update) = (Chosen(config, advantages, config.Rewards), (config.Update ?? update).Checked());
        var groupSize = rollouts.Config.GroupSize;
        if (groupSize < 2 && (needsGroups || advantages.NeedsGroups || config.DynamicSampling is not null))
        {
            throw new ArgumentException("The members of a group are compared: set RolloutConfig.GroupSize to 2 or more.", nameof(rollouts));
        }

        if (config.BatchSize % groupSize != 0)
        {
            throw new ArgumentException($"BatchSize {config.BatchSize} must be a multiple of RolloutConfig.GroupSize {groupSize}.", nameof(given));
        }

        var sender = WeightSender.Of(environment, backprop, config.WeightSync);

        if (Difference(environment, rollouts.Environment) is { } difference)
        {
            throw new ArgumentException($"The rollouts are collected in another environment than the algorithm was given ({difference}): make the RolloutManager with the same one.", nameof(rollouts));
        }

        if (environment.Sampling.Temperature <= 0)
        {
            throw new ArgumentException("The environment samples greedily (temperature 0): nothing is explored. Use a temperature above 0.", nameof(environment));
        }

        if (advantages.NeedsValues != backprop.HasValues)
        {
            throw new ArgumentException(advantages.NeedsValues
                ? $"{advantages.GetType().Name} needs a value for each token: set BackpropConfig.Value to new ValueConfig()."
                : $"{advantages.GetType().Name} uses no values, but the backprop module has a value model: set BackpropConfig.Value to null.", nameof(backprop));
        }

        if (config.Evaluation is { } plan && plan.PassAt.Any(k => k > plan.Samples))
        {
            throw new ArgumentException($"EvaluationPlan.PassAt {string.Join(", ", plan.PassAt)}: each k must be in [1, Samples], and Samples is {plan.Samples}.", nameof(given));
        }

        if (update.Kl.Coefficient > 0)
        {
            backprop.PrepareReference(); // the copy is of the weights as they are before training
        }

        var log = RunLog.Of(config, advantages, update, environment, rollouts, backprop);
        return new AlgorithmSetup(
            new ExperiencePhase(environment, rollouts, rewards, backprop, config, update, sender), advantages, update,
            new StepRecorder(config, config.Evaluation is null ? null : new Evaluator(environment, rollouts.Config, rewards, config.Evaluation, sender), log),
            environment, rollouts, backprop, config, log);
    }

    // A cell that is run again makes a new environment beside the old rollouts: harmless where it is made alike.
    private static string? Difference(BaseEnvironment given, BaseEnvironment collected) =>
        ReferenceEquals(given, collected) ? null
        : given.GetType() != collected.GetType() ? $"a {collected.GetType().Name}, not a {given.GetType().Name}"
        : !ReferenceEquals(given.Inference, collected.Inference) ? "it asks another inference module"
        : Key(given.Sampling) != Key(collected.Sampling) ? "it samples otherwise"
        : !given.Problems.Select(p => (p.Id, p.Prompt)).SequenceEqual(collected.Problems.Select(p => (p.Id, p.Prompt))) ? "it has other problems"
        : null;

    private static (float, int, bool) Key(Inference.SamplingOptions sampling) => (sampling.Temperature, sampling.MaxNewTokens, sampling.IsFiltered);

    // Rewards standardised within their groups are not divided by the group's deviation again, unless the user asks for it by name.
    private static IAdvantageEstimator Chosen(AlgorithmConfig config, IAdvantageEstimator own, IRewardMethod? method) =>
        config.Advantages ?? (own is GroupRelativeAdvantage && method is { IsStandardized: true } ? new BatchRelativeAdvantage() : own);
}
