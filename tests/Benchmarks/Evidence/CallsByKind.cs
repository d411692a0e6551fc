using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace Benchmarks.Evidence;

/// <summary>Counts calls a problem by the problem's <c>kind</c>, on the way to the rewards; NaN where a batch has no problem of the kind.</summary>
internal sealed class CallsByKind(IRewardComputer inner) : IRewardComputer
{
    public double Easy { get; private set; }

    public double Hard { get; private set; }

    public double? FirstEasy { get; private set; }

    public double? FirstHard { get; private set; }

    /// <summary>What a line records of the last batch.</summary>
    public IEnumerable<(string, double)> Columns => [("calls_easy", Easy), ("calls_hard", Hard)];

    public Task<RewardBatch> ComputeRewardsAsync(IReadOnlyList<Trajectory> trajectories, IRewardMethod? method = null, CancellationToken cancellationToken = default)
    {
        (Easy, Hard) = (Mean("easy"), Mean("hard"));
        (FirstEasy, FirstHard) = (FirstEasy ?? Easy, FirstHard ?? Hard);
        return inner.ComputeRewardsAsync(trajectories, method, cancellationToken);

        double Mean(string kind) => trajectories.Where(t => t.Problem.Fields["kind"] == kind).Select(t => (double)t.Turns.Sum(turn => turn.ToolCalls.Length)).DefaultIfEmpty(double.NaN).Average();
    }
}
