using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Group Relative Policy Optimization (Shao et al. 2024, arXiv:2402.03300): the other members of a group are the baseline, no value model.</summary>
/// <param name="environment">What the model is trained in.</param>
/// <param name="rollouts">Collects trajectories; its group size is G.</param>
/// <param name="rewards">Scores them.</param>
/// <param name="backprop">Updates the model.</param>
/// <param name="config">Batch size and mathematics; null for TRL's GRPO. Variants: <see cref="AlgorithmConfig.Dapo"/>, <see cref="AlgorithmConfig.Gspo"/> …</param>
public sealed class GrpoAlgorithm(
    BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig? config = null) : Algorithm
{
    private readonly AlgorithmSetup setup = AlgorithmSetup.Of(
        environment, rollouts, rewards, backprop, config, new GroupRelativeAdvantage(), UpdateConfig.Grpo, needsGroups: true);

    /// <inheritdoc/>
    public override string Name => "GRPO";

    internal override AlgorithmSetup Setup => setup;

    /// <inheritdoc/>
    protected override async Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken)
    {
        // Generate and interact; score after collection.
        var experience = await setup.Phase.CollectAsync(cancellationToken).ConfigureAwait(false);
        var started = Stopwatch.GetTimestamp();

        // Compare: log-probs of the policy at collection and of the reference.
        experience = await setup.Phase.CompareAsync(experience).ConfigureAwait(false);

        // Advantage: how much better than the group's other members, A = (r − μ)/(s + ε).
        var advantages = setup.AdvantagesOf(experience);

        // Differentiate: −min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + β·kl, averaged over the tokens.
        var rows = experience.RowsWith(advantages);
        var update = rows.Length == 0 ? UpdateStatistics.None : await backprop.UpdateAsync(rows, setup.Update, cancellationToken).ConfigureAwait(false);

        return await setup.Recorder.RecordAsync(iteration, iterations, experience, advantages, update, started, cancellationToken).ConfigureAwait(false);
    }
}
