using RlPrimitives.Algorithms;
using RlPrimitives.Rewards;

namespace RlPrimitives.Tests.Rewards;

public class RewardMethodTests
{
    public static TheoryData<IRewardMethod> All => new(
        RewardMethod.Absolute, RewardMethod.RelativeRank, RewardMethod.RelativeZScore, RewardMethod.LeaveOneOut, RewardMethod.NormalizeThenSum,
        RewardMethod.NormalizeThenSum with { NormalizeBatch = true }, RewardMethod.Pareto(), RewardMethod.Pareto(ParetoScope.Batch, TieBreak.None),
        RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0, 0)));

    [Theory]
    [MemberData(nameof(All))]
    public void Only_a_trajectory_without_any_score_has_no_reward(IRewardMethod method)
    {
        var scores = Scored.Table([[1, null], [null, null], [null, 2], [0, 1], [null, null]], groups: [0, 0, 0, 1, 2]);
        Assert.Equal([true, false, true, true, false], method.Rewards(scores).Select(r => r is not null));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Equal_scores_have_equal_rewards_whatever_their_order(IRewardMethod method)
    {
        float?[][] rows = [[1, 2], [2, 1], [1, 2], [0, null], [3, 0], [2, 1], [0, 0], [0, null]];
        int[] order = [4, 2, 0, 7, 6, 1, 3, 5];
        var rewards = method.Rewards(Scored.Table(rows));
        Scored.Near(Array.ConvertAll(order, i => rewards[i]), method.Rewards(Scored.Table(Array.ConvertAll(order, i => rows[i]))));
        Assert.Equal(rewards[0], rewards[2]);
        Assert.Equal(rewards[1], rewards[5]);
        Assert.Equal(rewards[3], rewards[7]);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void An_empty_batch_has_no_rewards(IRewardMethod method) => Assert.Empty(method.Rewards(new ScoreTable([], ["a", "b"], [1, 1], [[], []])));

    [Fact]
    public void Absolute_is_the_weighted_sum_of_what_was_scored() =>
        Scored.Near([0, 2, -4, null], RewardMethod.Absolute.Rewards(Scored.Table([[2, 1], [2, null], [null, 2], [null, null]], weights: [1, -2])));

    [Fact]
    public void Leave_one_out_is_that_of_the_golden_vectors()
    {
        Scored.Near([.666667f, -.666667f, -.666667f, .666667f], RewardMethod.LeaveOneOut.Rewards(Scored.Table([[1], [0], [0], [1]])));
        Scored.Near([-.566667f, -.166667f, .366667f, .366667f], RewardMethod.LeaveOneOut.Rewards(Scored.Table([[.2f], [.5f], [.9f], [.9f]])));
        Scored.Near([-.333333f, -.333333f, -.333333f, 1], RewardMethod.LeaveOneOut.Rewards(Scored.Table([[0], [0], [0], [1]])));
        Scored.Near([0], RewardMethod.LeaveOneOut.Rewards(Scored.Table([[5]])));
    }

    [Fact]
    public void Z_scores_and_ranks_are_those_of_the_golden_vectors()
    {
        Scored.Near([.866024f, -.866024f, -.866024f, .866024f], RewardMethod.RelativeZScore.Rewards(Scored.Table([[1], [0], [0], [1]])));
        Scored.Near([.865875f, -.865875f, -.865875f, .865875f], (RewardMethod.RelativeZScore with { Epsilon = 1e-4 }).Rewards(Scored.Table([[1], [0], [0], [1]])));
        Scored.Near([0, 1f / 3, 5f / 6, 5f / 6], RewardMethod.RelativeRank.Rewards(Scored.Table([[.2f], [.5f], [.9f], [.9f]])));
        Scored.Near([0, 0, 0, 0], RewardMethod.RelativeZScore.Rewards(Scored.Table([[1], [1], [1], [1]])));
    }

    [Fact]
    public void Normalize_then_sum_is_GDPO()
    {
        var scores = Scored.Table([[1, 0], [1, 1], [0, 1], [0, 0]]);
        Scored.Near([0, 1.731751f, 0, -1.731751f], RewardMethod.NormalizeThenSum.Rewards(scores));
        Scored.Near([0, 1.224658f, 0, -1.224658f], (RewardMethod.NormalizeThenSum with { NormalizeBatch = true }).Rewards(scores));
        Scored.Near([.865875f * 3, .865875f, -.865875f * 3, -.865875f], RewardMethod.NormalizeThenSum.Rewards(scores with { Weights = [2, -1] }));
    }

    [Fact]
    public void Normalize_then_sum_compares_within_groups_and_an_abstention_counts_as_the_mean() =>
        Scored.Near(
            [.707007f, -.707007f, 0, .707082f, -.707082f],
            RewardMethod.NormalizeThenSum.Rewards(Scored.Table([[1, null], [0, null], [null, 5], [10, 1], [6, 1]], groups: [0, 0, 0, 1, 1])));

    [Fact]
    public void Pareto_rewards_follow_the_documented_formula()
    {
        // Fronts 0, 0, 0, 1, 1, 2; F = 3. Crowding: middle of the first front d = 1, t = ½; ends and small fronts t = 1. s = 2.5, 2.25, 2.5, 1.5, 1.5, 0.5.
        var scores = Scored.Table([[1, 5], [2, 4], [3, 3], [2, 2], [3, 1], [1, 1]]);
        Scored.Near([1, .875f, 1, .5f, .5f, 0], RewardMethod.Pareto().Rewards(scores));
        Scored.Near([1, 1, 1, .5f, .5f, 0], RewardMethod.Pareto(tieBreak: TieBreak.None).Rewards(scores));

        // Contributions 1, 1, 3 | 2, 1 | 1: s = 2 + 1/6, 2 + 1/6, 2.5 | 1.5, 1.25 | 0.5.
        Scored.Near([10f / 12, 10f / 12, 1, .5f, .375f, 0], RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0, 0)).Rewards(scores));
    }

    [Fact]
    public void Pareto_compares_within_the_group_or_the_batch()
    {
        var scores = Scored.Table([[1, 1], [2, 2], [3, 3], [4, 4]], groups: [0, 0, 1, 1]);
        Scored.Near([0, 1, 0, 1], RewardMethod.Pareto().Rewards(scores));
        Scored.Near([0, 1f / 3, 2f / 3, 1], RewardMethod.Pareto(ParetoScope.Batch).Rewards(scores));
    }

    [Fact]
    public void Pareto_minimises_objectives_of_negative_weight_and_leaves_out_those_of_zero()
    {
        float?[][] rows = [[1, 1, 9], [1, 2, 1], [1, 3, 0]];
        Scored.Near([0, .5f, 1], RewardMethod.Pareto().Rewards(Scored.Table(rows, [1, 5, 0])));
        Scored.Near([1, .5f, 0], RewardMethod.Pareto().Rewards(Scored.Table(rows, [1, -.1f, 0])));
        Scored.Near([1, .5f, 0], RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0, 4, 0)).Rewards(Scored.Table(rows, [1, -.1f, 0])));
        Scored.Near([null, null, null], RewardMethod.Pareto().Rewards(Scored.Table(rows, [0, 0, 0]))); // nothing is rewarded
    }

    /// <summary>Every method.</summary>
    public static TheoryData<IRewardMethod> EveryMethod =>
        [RewardMethod.Absolute, RewardMethod.RelativeRank, RewardMethod.RelativeZScore, RewardMethod.LeaveOneOut, RewardMethod.NormalizeThenSum, RewardMethod.Pareto(), RewardMethod.Pareto(ParetoScope.Batch)];

    [Theory]
    [MemberData(nameof(EveryMethod), DisableDiscoveryEnumeration = true)]
    public void What_is_only_recorded_is_no_reward_of_zero(IRewardMethod method)
    {
        // The judge abstains from the second; its length, of weight 0, is known all the same.
        var rewards = method.Rewards(Scored.Table([[1, -5], [null, -7], [0, -6]], [1, 0]));
        Assert.Null(rewards[1]);
        Assert.True(rewards[0] > rewards[2]);
        Assert.Equal(method.Rewards(Scored.Table([[1], [null], [0]])), rewards); // as if it were not there
    }

    [Fact]
    public void Pareto_counts_an_abstention_as_the_mean() =>
        Scored.Near([1, .5f, 0], RewardMethod.Pareto(tieBreak: TieBreak.None).Rewards(Scored.Table([[1, 3], [1, null], [1, 1]])));

    [Fact]
    public void A_unanimous_group_has_one_half_from_Pareto() => Scored.Near([.5f, .5f], RewardMethod.Pareto().Rewards(Scored.Table([[1, 1], [1, 1]])));

    [Fact]
    public void A_better_front_is_always_worth_more()
    {
        float?[][] rows = [.. Enumerable.Range(0, 60).Select(i => new float?[] { i * 7 % 11, i * 5 % 13, i * 3 % 7 })];
        var ranks = Pareto.Fronts(Array.ConvertAll(rows, r => Array.ConvertAll(r, x => (double)x!.Value)));
        foreach (var tieBreak in new ITieBreak[] { TieBreak.None, TieBreak.Crowding, TieBreak.Hypervolume(-1, -1, -1) })
        {
            var rewards = RewardMethod.Pareto(tieBreak: tieBreak).Rewards(Scored.Table(rows));
            Assert.Equal((0, 1), (rewards.Min(), rewards.Max()));
            for (var f = 0; f < ranks.Max(); f++)
            {
                Assert.True(rewards.Where((_, i) => ranks[i] == f).Min() > rewards.Where((_, i) => ranks[i] == f + 1).Max());
            }
        }
    }

    [Fact]
    public void A_reference_point_that_is_too_short_is_refused() =>
        Assert.Contains("has 1 numbers", Assert.Throws<ArgumentException>(() => RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0)).Rewards(Scored.Table([[1, 2]]))).Message, StringComparison.Ordinal);

    [Fact]
    public void Methods_compare_by_value_and_an_algorithm_takes_the_computers_own_by_default()
    {
        Assert.Equal(new AbsoluteReward(), RewardMethod.Absolute);
        Assert.Equal(RewardMethod.Pareto(), RewardMethod.Pareto(ParetoScope.Group, TieBreak.Crowding));
        Assert.Null(new AlgorithmConfig().Rewards);
        Assert.Equal(RewardMethod.LeaveOneOut, new AlgorithmConfig { Rewards = RewardMethod.LeaveOneOut }.Rewards);
    }
}
