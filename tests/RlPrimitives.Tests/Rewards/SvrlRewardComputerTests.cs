using RlPrimitives.Environments;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Rewards;

public class SvrlRewardComputerTests
{
    // Right for 2 calls, right for none, wrong for 1.
    private static readonly Trajectory[] Three = [Verified("5", 2), Verified("5", 0), Verified("6", 1)];

    [Fact]
    public async Task A_call_pays_only_where_it_raises_quality_by_more_than_its_price()
    {
        var batch = await new SvrlRewardComputer(new ExactMatch(), price: 0.25f).ComputeRewardsAsync(Three);
        Assert.Equal([0.5f, 1, -0.25f], batch.Totals);
        Assert.Equal([1, 1, 0], batch.Objectives["exact_match"]);
        Assert.Equal([-2, 0, -1], batch.Objectives["tool_cost"]);
    }

    [Fact]
    public async Task Weight_and_free_calls_are_options_and_a_price_of_0_only_records()
    {
        Assert.Equal([2, 2, 0], (await new SvrlRewardComputer(new ExactMatch(), price: 0, weight: 2).ComputeRewardsAsync(Three)).Totals);
        Assert.Equal([0.5f, 1, 0], (await new SvrlRewardComputer(new ExactMatch(), price: 0.5f, free: 1).ComputeRewardsAsync(Three)).Totals);
    }

    [Fact]
    public async Task By_front_nothing_is_weighed()
    {
        var computer = new SvrlRewardComputer(new ExactMatch(), options: new RewardOptions { ReferencePoint = [0, -4] }) { Method = RewardMethod.Pareto(ParetoScope.Group, TieBreak.None) };
        var batch = await computer.ComputeRewardsAsync(Three);
        Assert.Equal([0, 1, 0], batch.Totals); // 1 beats both; between the others neither dominates
        Assert.Equal(4, batch.Hypervolume); // 1 × 4
        Assert.Equal([0.9f, 1, -0.05f], (await computer.ComputeRewardsAsync(Three, RewardMethod.Absolute)).Totals);
    }

    [Fact]
    public void Prices_are_not_negative_and_names_are_unique()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SvrlRewardComputer(new ExactMatch(), price: -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SvrlRewardComputer(new ExactMatch(), weight: 0));
        Assert.Throws<ArgumentException>(() => new SvrlRewardComputer(new ToolCost()));
    }

    private static Trajectory Verified(string response, int calls)
    {
        var trajectory = Scored.Trajectory(response, "5");
        var turn = trajectory.Turns[0] with { ToolCalls = [.. Enumerable.Range(0, calls).Select(_ => new ToolCall("calc", "1", "1") { Cost = 1 })] };
        return trajectory with { Turns = [turn] };
    }
}
