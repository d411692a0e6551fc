using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class RandomWalksTests
{
    private static readonly RandomWalks Walks = new(seed: 1002);

    [Fact]
    public void Every_node_has_an_edge_but_the_goal_and_none_to_itself()
    {
        var letters = Enumerable.Range(0, 21).Select(n => (char)('a' + n)).ToArray();
        Assert.All(letters[1..], from => Assert.Contains(letters, to => Walks.HasEdge(from, to)));
        Assert.All(letters, to => Assert.False(Walks.HasEdge('a', to)));
        Assert.All(letters, n => Assert.False(Walks.HasEdge(n, n)));
        Assert.InRange(letters.Sum(from => letters.Count(to => Walks.HasEdge(from, to))), 20, 80); // 400 chances of 0.1
        Assert.False(Walks.HasEdge('z', 'a'));
    }

    [Fact]
    public void Answers_are_shortest_paths_and_optimal()
    {
        Assert.NotEmpty(Walks.Problems);
        foreach (var problem in Walks.Problems)
        {
            Assert.Equal(1, Walks.Optimality(problem.Prompt + problem.Answer));
            Assert.Equal(int.Parse(problem.Fields["shortest"]), (problem.Prompt + problem.Answer).Length);
            Assert.Equal(Walks.ShortestLength(problem.Prompt[0]), (problem.Prompt + problem.Answer).Length);
            Assert.EndsWith("a", problem.Answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_walk_is_shorter_than_the_shortest()
    {
        // Every walk of up to 6 nodes, by brute force.
        foreach (var problem in Walks.Problems)
        {
            var reach = new HashSet<char> { problem.Prompt[0] };
            for (var nodes = 1; nodes < Walks.ShortestLength(problem.Prompt[0]); nodes++)
            {
                Assert.DoesNotContain('a', reach);
                reach = [.. reach.SelectMany(from => Enumerable.Range(0, 21).Select(n => (char)('a' + n)).Where(to => Walks.HasEdge(from, to)))];
            }

            Assert.Contains('a', reach);
        }
    }

    [Fact]
    public void Optimality_counts_nodes_to_the_goal()
    {
        var problem = Walks.Problems.First(p => p.Fields["shortest"] == "3");
        var path = problem.Prompt + problem.Answer;
        Assert.Equal(1, Walks.Optimality(path + "zzz")); // what follows the goal is not looked at
        Assert.Equal(1, Walks.Optimality(string.Join('|', path.ToCharArray()) + "\n"));
        Assert.Equal(0, Walks.Optimality(path[..2])); // not there
        Assert.Equal(0, Walks.Optimality(problem.Prompt + "?"));
        Assert.Equal(0, Walks.Optimality(problem.Prompt + problem.Prompt + problem.Answer)); // no edge to itself
        Assert.Null(Walks.Optimality(""));
        Assert.Null(Walks.Optimality("?"));
    }

    [Fact]
    public void A_detour_costs_its_nodes()
    {
        // A walk one node longer than a shortest one of length s has (10 − s − 1)/(10 − s).
        var found = false;
        foreach (var walk in Walks.SampleWalks(2000).Where(w => w.EndsWith('a') && w.Length < 10))
        {
            var best = Walks.ShortestLength(walk[0])!.Value;
            Assert.Equal((10.0 - walk.Length) / (10 - best), Walks.Optimality(walk));
            found |= walk.Length > best;
        }

        Assert.True(found);
    }

    [Fact]
    public void Sample_walks_follow_edges_and_end_at_the_goal_or_the_limit()
    {
        var walks = Walks.SampleWalks();
        Assert.Equal(1000, walks.Count);
        Assert.Equal(walks, new RandomWalks(seed: 1002).SampleWalks());
        Assert.NotEqual(walks, new RandomWalks(seed: 1003).SampleWalks());
        foreach (var walk in walks)
        {
            Assert.True(walk[0] != 'a' && (walk.Length == 10 || walk.EndsWith('a')) && walk.Length <= 10 && !walk[..^1].Contains('a', StringComparison.Ordinal));
            Assert.All(walk.Zip(walk.Skip(1)), step => Assert.True(Walks.HasEdge(step.First, step.Second)));
        }

        Assert.Equal(20, walks.Select(w => w[0]).Distinct().Count());
    }
}
