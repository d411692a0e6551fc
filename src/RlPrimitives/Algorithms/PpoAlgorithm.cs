using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Proximal Policy Optimization (Schulman et al. 2017, arXiv:1707.06347) as it is used on language models: a value for each token is the baseline.</summary>
/// <param name="environment">What the model is trained in.</param>
/// <param name="rollouts">Collects trajectories.</param>
/// <param name="rewards">Scores them.</param>
/// <param name="backprop">Updates the model; needs <see cref="BackpropConfig.Value"/>.</param>
/// <param name="config">Batch size and mathematics; null for TRL's PPO: GAE with γ 1 and λ 0.95, four epochs, 0.05·k1 in the reward.</param>
public sealed class PpoAlgorithm(
    BaseEnvironment environment, RolloutManager rollouts, IRewardComputer rewards, BackpropModule backprop, AlgorithmConfig? config = null) : Algorithm
{
    private readonly AlgorithmSetup setup = AlgorithmSetup.Of(
        environment, rollouts, rewards, backprop, config, new GeneralizedAdvantage(), UpdateConfig.Ppo, needsGroups: false);

    /// <inheritdoc/>
    public override string Name => "PPO";

    internal override AlgorithmSetup Setup => setup;

    /// <inheritdoc/>
    protected override async Task<TrainStep> IterateAsync(int iteration, int iterations, CancellationToken cancellationToken)
    {
        // Generate and interact; score after collection.
        var experience = await setup.Phase.CollectAsync(cancellationToken).ConfigureAwait(false);
        var started = Stopwatch.GetTimestamp();

        // Compare: log-probs of the policy at collection and of the reference.
        experience = await setup.Phase.CompareAsync(experience).ConfigureAwait(false);

        // Value: the return expected before each token.
        if (experience.Used.Length > 0 && setup.Advantages.NeedsValues)
        {
            var values = await backprop.ComputeValuesAsync(experience.AllRows).ConfigureAwait(false);
            experience = experience.With(values, (row, v) => row with { OldValues = v });
        }

        // Advantage: r_t = −β·kl_t (+ the reward on the last token), δ = r + γV′ − V, A = δ + γλA′.
        var advantages = setup.AdvantagesOf(experience);

        // Differentiate: −min(ρA, clip(ρ, 1 − ε, 1 + ε)A) + c_v·½(V − R)², several epochs of mini-batches.
        var rows = experience.RowsWith(advantages);
        var update = rows.Length == 0 ? UpdateStatistics.None : await backprop.UpdateAsync(rows, setup.Update, cancellationToken).ConfigureAwait(false);

        return await setup.Recorder.RecordAsync(iteration, iterations, experience, advantages, update, started, cancellationToken).ConfigureAwait(false);
    }
}
