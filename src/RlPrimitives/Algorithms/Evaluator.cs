using System.Diagnostics;
using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Measures the trained model on held-out problems, within the limits of the training's rollouts.</summary>
internal sealed class Evaluator(BaseEnvironment environment, RolloutConfig limits, IRewardComputer rewards, EvaluationPlan plan, WeightSender? sender)
{
    private readonly BaseEnvironment asked = environment.WithSampling(
        plan.Sampling ?? (plan.Samples == 1 ? environment.Sampling with { Temperature = 0 } : environment.Sampling));

    public async Task<EvaluationResult> EvaluateAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        await (sender?.EnsureAsync(cancellationToken) ?? Task.CompletedTask).ConfigureAwait(false);

        // A manager of its own: every evaluation draws the same random numbers, and the training's stay as they are.
        var manager = new RolloutManager(asked, limits with { GroupSize = plan.Samples, Seed = 0 });
        var collected = await manager.CollectAsync(plan.Problems, cancellationToken: cancellationToken).ConfigureAwait(false);
        var scored = await (plan.Rewards ?? rewards).ComputeRewardsAsync(collected.Trajectories, RewardMethod.Absolute, cancellationToken).ConfigureAwait(false);
        var right = new int[plan.Problems.Count];
        for (var i = 0; i < scored.Totals.Length; i++)
        {
            right[i / plan.Samples] += scored.Totals[i] >= plan.Threshold ? 1 : 0;
        }

        return new EvaluationResult(
            right.Length, plan.Samples,
            plan.PassAt.ToDictionary(k => k, k => Evaluation.Clustered(Array.ConvertAll(right, c => Evaluation.PassAtK(plan.Samples, c, k)))),
            Evaluation.Clustered(Array.ConvertAll(right, c => (double)c / plan.Samples)),
            scored.Totals.OfType<float>().Select(t => (double)t).DefaultIfEmpty(double.NaN).Average(),
            Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
