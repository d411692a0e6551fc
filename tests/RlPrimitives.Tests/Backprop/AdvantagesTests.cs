using RlPrimitives.Backprop;

namespace RlPrimitives.Tests.Backprop;

public class AdvantagesTests
{
    public static TheoryData<float[], float[], float[], float[]> Golden => new()
    {
        // rewards; TRL (1e-4); verl (1e-6); Dr.GRPO (mean only)
        { [1, 0, 0, 1], [.865875f, -.865875f, -.865875f, .865875f], [.866024f, -.866024f, -.866024f, .866024f], [.5f, -.5f, -.5f, .5f] },
        { [.2f, .5f, .9f, .9f], [-1.248374f, -.367169f, .807771f, .807771f], [-1.248737f, -.367276f, .808006f, .808006f], [-.425f, -.125f, .275f, .275f] },
        { [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0] },
        { [0, 0, 0, 1], [-.4999f, -.4999f, -.4999f, 1.4997f], [-.499999f, -.499999f, -.499999f, 1.499997f], [-.25f, -.25f, -.25f, .75f] },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void Advantages_have_the_published_values(float[] rewards, float[] trl, float[] verl, float[] centred)
    {
        var r = Array.ConvertAll(rewards, x => (float?)x);
        AssertClose(trl, Advantages.GroupRelative(r), 2e-6);
        AssertClose(verl, Advantages.GroupRelative(r, epsilon: 1e-6), 2e-6);
        AssertClose(centred, Advantages.GroupRelative(r, AdvantageNormalization.None), 2e-6);
        AssertClose(trl, BackpropModule.ComputeAdvantages(r), 2e-6);
    }

    [Fact]
    public void Advantages_of_a_unanimous_group_are_exactly_zero()
    {
        foreach (var value in new[] { 0.1f, 1f / 3, -7.77f, 1e6f })
        {
            foreach (var size in new[] { 2, 3, 7, 64 })
            {
                var group = Enumerable.Repeat((float?)value, size).ToArray();
                Assert.All(Advantages.GroupRelative(group), a => Assert.Equal(0, a));
            }
        }
    }

    [Fact]
    public void An_absent_reward_has_advantage_zero_and_is_outside_the_baseline()
    {
        AssertClose([.865875f, 0, -.865875f, -.865875f, .865875f], Advantages.GroupRelative([1, null, 0, 0, 1]), 2e-6);
        Assert.Equal([0, 0, 0], Advantages.GroupRelative([null, 5, null]));
        Assert.Equal([0], Advantages.GroupRelative([5]));
        Assert.Empty(Advantages.GroupRelative([]));
    }

    [Fact]
    public void Advantages_of_a_group_sum_to_zero_and_keep_the_order_of_rewards()
    {
        var random = new Random(1);
        for (var round = 0; round < 50; round++)
        {
            var rewards = Enumerable.Range(0, random.Next(2, 20)).Select(_ => (float?)random.NextSingle()).ToArray();
            var advantages = Advantages.GroupRelative(rewards);
            Assert.Equal(0, advantages.Sum(a => (double)a), 1e-5);
            Assert.Equal(Enumerable.Range(0, rewards.Length).OrderBy(i => rewards[i]), Enumerable.Range(0, rewards.Length).OrderBy(i => advantages[i]));
        }
    }

    [Fact]
    public void Other_conventions_have_their_literal_values()
    {
        AssertClose([.999998f, -.999998f, -.999998f, .999998f], Advantages.GroupRelative([1, 0, 0, 1], GroupConvention.MaxRl), 2e-6);
        AssertClose([.666667f, -.666667f, -.666667f, .666667f], Advantages.LeaveOneOut([1, 0, 0, 1]), 2e-6);
        AssertClose([-.566667f, -.166667f, .366667f, .366667f], Advantages.LeaveOneOut([.2f, .5f, .9f, .9f]), 2e-6);
        AssertClose([-.333333f, -.333333f, -.333333f, 1], Advantages.LeaveOneOut([0, 0, 0, 1]), 2e-6);
        Assert.Equal([5, 0], Advantages.GroupRelative([5, null], GroupConvention.Verl));
        Assert.Equal([0, 0], Advantages.GroupRelative([5, null], GroupConvention.SkyRl));
        Assert.Equal([5], Advantages.LeaveOneOut([5], singleKeepsReward: true));
        Assert.Equal([0], Advantages.LeaveOneOut([5]));
    }

    [Fact]
    public void Zero_variance_groups_are_exactly_zero_in_every_convention()
    {
        float?[] rewards = [.1f, .1f, .1f, 7, 7, 7];
        int[] groups = [4, 4, 4, 2, 2, 2];
        foreach (var convention in new[] { GroupConvention.Trl, GroupConvention.Verl, GroupConvention.SkyRl, GroupConvention.OpenRlhf, GroupConvention.DrGrpo, GroupConvention.MaxRl, new() { Epsilon = 0 } })
        {
            Assert.All(Advantages.GroupRelative(rewards, groups, convention), a => Assert.Equal(0, a));
        }

        Assert.All(Advantages.LeaveOneOut(rewards, groups), a => Assert.Equal(0, a));
        Assert.All(Advantages.GroupMeanBatchDeviation(rewards, groups), a => Assert.Equal(0, a));
        Assert.All(Advantages.Gdpo([rewards, rewards], [1, 2], groups), a => Assert.Equal(0, a));
        Assert.All(Advantages.ReinforcePlusPlusBaseline(rewards, groups, [1, 2, 3, 4, 5, 6]), a => Assert.Equal(0, a));
    }

    [Fact]
    public void Leave_one_out_is_the_centred_reward_times_G_over_G_minus_1()
    {
        var random = new Random(2);
        for (var round = 0; round < 50; round++)
        {
            var rewards = Enumerable.Range(0, random.Next(2, 20)).Select(_ => (float?)random.NextSingle()).ToArray();
            var centred = Advantages.GroupRelative(rewards, GroupConvention.DrGrpo);
            var scale = (float)rewards.Length / (rewards.Length - 1);
            AssertClose(Array.ConvertAll(centred, c => c * scale), Advantages.LeaveOneOut(rewards), 1e-5);
            Assert.Equal(0, Advantages.LeaveOneOut(rewards).Sum(a => (double)a), 1e-5);
        }
    }

    [Fact]
    public void Groups_may_lie_in_any_order_and_absent_rewards_stay_outside()
    {
        float?[] rewards = [1, .2f, 0, .5f, null, 0, .9f, 1, .9f];
        int[] groups = [7, 3, 7, 3, 7, 7, 3, 7, 3];
        AssertClose([.865875f, -1.248374f, -.865875f, -.367169f, 0, -.865875f, .807771f, .865875f, .807771f], Advantages.GroupRelative(rewards, groups, GroupConvention.Trl), 2e-6);
        Assert.Equal(0, Advantages.LeaveOneOut(rewards, groups)[4]);
        Assert.Equal(0, Advantages.GroupMeanBatchDeviation(rewards, groups)[4]);
        Assert.Equal(0, Advantages.BatchRelative(rewards)[4]);
        Assert.Equal(0, Advantages.Gdpo([rewards], [1], groups)[4]);
        Assert.Throws<ArgumentException>(() => Advantages.GroupRelative(rewards, [1, 2], GroupConvention.Trl));
    }

    [Fact]
    public void Decoupled_groups_have_their_literal_values()
    {
        float?[] first = [1, 1, 0, 0], second = [0, 1, 1, 0];
        AssertClose([0, 1.731751f, 0, -1.731751f], Advantages.Gdpo([first, second], [1, 1], [0, 0, 0, 0], normalizesBatch: false), 2e-6);
        AssertClose([0, 1.224658f, 0, -1.224658f], Advantages.Gdpo([first, second], [1, 1], [0, 0, 0, 0]), 2e-6);
        Assert.Throws<ArgumentException>(() => Advantages.Gdpo([first, second], [1], [0, 0, 0, 0]));
    }

    [Fact]
    public void Generalized_advantages_have_their_literal_values_and_skip_observations()
    {
        float[] rewards = [0, 0, 0, 0, 1], values = [.1f, .2f, .25f, .3f, .4f];
        AssertClose([.767066f, .702175f, .6865f, .67f, .6f], Advantages.Gae(rewards, values).Advantages, 2e-6);
        AssertClose([.799675f, .7365f, 0, .67f, .6f], Advantages.Gae(rewards, values, [true, true, false, true, true]).Advantages, 2e-6);
        var (advantages, returns) = Advantages.Gae([0, 0, 9, 0, 1], [.1f, .2f, 99, .3f, .4f], [true, true, false, true, true], 0.9, 0.8);
        var (packed, packedReturns) = Advantages.Gae([0, 0, 0, 1], [.1f, .2f, .3f, .4f], default, 0.9, 0.8);
        AssertClose([packed[0], packed[1], 0, packed[2], packed[3]], advantages, 0);
        AssertClose([packedReturns[0], packedReturns[1], 0, packedReturns[2], packedReturns[3]], returns, 0);
        Assert.Throws<ArgumentException>(() => Advantages.Gae(rewards, [1, 2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Advantages.Gae(rewards, values, gamma: 1.1));
    }

    [Fact]
    public void Generalized_advantages_with_gamma_and_lambda_1_are_the_return_to_go_less_the_value()
    {
        float[] rewards = [1, -2, .5f, 3], values = [.3f, .1f, -1, 2];
        var (advantages, returns) = Advantages.Gae(rewards, values, lambda: 1);
        AssertClose(Advantages.ReturnsToGo(rewards), returns, 1e-6);
        AssertClose([2.2f, 1.4f, 4.5f, 1], advantages, 1e-6);
        Assert.Equal([2.5f, 1.5f, 3.5f, 3], Advantages.ReturnsToGo(rewards));
        Assert.Equal([1.25f, 0, .5f], Advantages.ReturnsToGo([1, 9, .5f], [true, false, true], 0.5));
    }

    [Fact]
    public void Whitened_values_have_mean_0_and_variance_1()
    {
        var random = new Random(4);
        var values = Enumerable.Range(0, 100).Select(_ => (random.NextSingle() * 5) + 3).ToArray();
        var mask = values.Select(_ => random.Next(3) > 0).ToArray();
        var whitened = Advantages.Whiten(values, mask).Where((_, i) => mask[i]).Select(x => (double)x).ToArray();
        Assert.Equal(0, whitened.Average(), 1e-5);
        Assert.Equal(1, whitened.Sum(x => x * x) / (whitened.Length - 1), 1e-4);
        Assert.All(Advantages.Whiten([3, 3, 3]), x => Assert.Equal(0, x));
        Assert.Equal([0], Advantages.Whiten([3]));
        Assert.Equal([0, 0], Advantages.Whiten([3, 4], [false, false]));
        Assert.Empty(Advantages.Whiten([]));
    }

    private static void AssertClose(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], tolerance);
        }
    }
}
