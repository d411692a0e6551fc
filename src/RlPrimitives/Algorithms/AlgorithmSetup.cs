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
    /// <summary>β of the KL in the reward; 0 where it acts in the loss.</summary>
    public double RewardKl => Update.Kl.Placement == KlPlacement.Reward ? Backprop.KlCoefficient(Update) : 0;

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
        (advantages, update) = (config.Advantages ?? advantages, config.Update ?? update);
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

        if (config.Evaluation is { } plan && plan.PassAt.Any(k => k < 1 || k > plan.Samples))
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
            new StepRecorder(config, config.Evaluation is null ? null : new Evaluator(environment, rewards, config.Evaluation, sender), log),
            environment, rollouts, backprop, config, log);
    }
}
