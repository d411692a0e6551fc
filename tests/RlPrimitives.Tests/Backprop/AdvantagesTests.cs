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
    public void Advantages_match_TRL()
    {
        foreach (var c in Fixtures.Json("rl_math/advantages_trl.json").GetProperty("cases").EnumerateArray())
        {
            var inputs = c.GetProperty("inputs");
            var weights = Fixtures.Floats(inputs.GetProperty("reward_weights"));
            // A reward function that returned nothing counts as 0 in TRL's weighted sum unless all did (nansum).
            var rewards = inputs.GetProperty("rewards_per_func").EnumerateArray().Select(Fixtures.Floats)
                .Select(row => row.All(float.IsNaN) ? null : (float?)row.Zip(weights).Sum(p => float.IsNaN(p.First) ? 0 : p.First * p.Second)).ToArray();
            var normalization = inputs.GetProperty("scale_rewards").GetString() == "none" ? AdvantageNormalization.None : AdvantageNormalization.GroupDeviation;
            if (rewards.Any(r => r is null))
            {
                continue; // TRL lets absent rewards spoil the whole group; here they are outside of it
            }

            var expected = Fixtures.Floats(c.GetProperty("outputs").GetProperty("advantages"));
            var actual = rewards.Chunk(inputs.GetProperty("num_generations").GetInt32()).SelectMany(g => Advantages.GroupRelative(g, normalization)).ToArray();
            AssertClose(expected, actual, 1e-5);
        }
    }

    [Fact]
    public void Advantages_match_verl()
    {
        foreach (var c in Fixtures.Json("rl_math/advantages_verl.json").GetProperty("cases").EnumerateArray())
        {
            var inputs = c.GetProperty("inputs");
            var scores = Fixtures.Floats(inputs.GetProperty("scores"));
            var masks = inputs.GetProperty("response_mask").EnumerateArray().Select(Fixtures.Floats).ToArray();
            var index = inputs.GetProperty("index").EnumerateArray().Select(e => e.ToString()).ToArray();
            foreach (var (output, normalization) in new[] { ("grpo_norm_std=True", AdvantageNormalization.GroupDeviation), ("grpo_norm_std=False", AdvantageNormalization.None) })
            {
                var expected = c.GetProperty("outputs").GetProperty(output).EnumerateArray().Select(Fixtures.Floats).ToArray();
                foreach (var group in Enumerable.Range(0, scores.Length).GroupBy(i => index[i]).Where(g => g.Count() > 1)) // verl keeps the raw score of a group of one
                {
                    var members = group.ToArray();
                    var actual = Advantages.GroupRelative(Array.ConvertAll(members, i => (float?)scores[i]), normalization, 1e-6);
                    for (var i = 0; i < members.Length; i++)
                    {
                        AssertClose(masks[members[i]].Select(m => m * actual[i]).ToArray(), expected[members[i]], 1e-5);
                    }
                }
            }
        }
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
