using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>REINFORCE (Williams 1992): raise the log-prob of what was sampled, in proportion to how much better than a baseline it turned out.</summary>
/// <param name="environment">What the model is trained in.</param>
/// <param name="rollouts">Collects trajectories.</param>
/// <param name="rewards">Scores them.</param>
/// <param name="backprop">Updates the model.</param>
/// <param name="config">
/// Batch size and mathematics; null for returns minus the batch's mean and one step a batch. Variants: <see cref="AlgorithmConfig.Rloo"/>,
/// <see cref="AlgorithmConfig.ReinforcePlusPlus"/>.
/// </param>
public sealed class ReinforceAlgorithm(
    BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig? config = null) : Algorithm
{
    private readonly AlgorithmSetup setup = AlgorithmSetup.Of(
        environment, rollouts, rewards, backprop, config, new ReturnAdvantage(), UpdateConfig.Reinforce, needsGroups: false);

    /// <inheritdoc/>
    public override string Name => "REINFORCE";

    internal override AlgorithmSetup Setup => setup;

    /// <inheritdoc/>
    protected override async Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken)
    {
        // Generate and interact; score after collection.
        var experience = await setup.Phase.CollectAsync(cancellationToken).ConfigureAwait(false);
        var started = Stopwatch.GetTimestamp();

        // Compare: log-probs of the policy at collection and of the reference.
        experience = await setup.Phase.CompareAsync(experience).ConfigureAwait(false);

        // Advantage: return to go minus a baseline, A_t = Σ_{s ≥ t} γ^{s−t}·r_s − b.
        var advantages = setup.AdvantagesOf(experience);

        // Differentiate: −A·lp.
        var rows = experience.RowsWith(advantages);
        var update = rows.Length == 0 ? UpdateStatistics.None : await backprop.UpdateAsync(rows, setup.Update, cancellationToken).ConfigureAwait(false);

        return await setup.Recorder.RecordAsync(iteration, iterations, experience, advantages, update, started, cancellationToken).ConfigureAwait(false);
    }
}
