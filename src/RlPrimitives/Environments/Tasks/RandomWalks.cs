using System.Globalization;
using RlPrimitives.Inference;

namespace RlPrimitives.Environments;

/// <summary>
/// Random walks on a directed graph: from a node, given as a letter, name node after node along edges until the goal 'a' is reached, in as few nodes as possible.
/// The task of trlx's examples/randomwalks (21 nodes, edges with probability 0.1, walks of at most 10 nodes), itself after Chen et al. 2021, Decision Transformer,
/// arXiv:2106.01345. The law is the same, the draws are not: the graph of a seed is another than there. Departure: a node from which the goal is out of reach has no
/// optimality, where trlx divides by zero, and is no problem.
/// </summary>
public sealed class RandomWalks
{
    private const ulong MaxTrials = 20_000;
    private readonly bool[,] edges;
    private readonly int[] shortest; // nodes of the shortest path to the goal, itself included; 0 where there is none short enough
    private readonly ulong seed;

    /// <summary>A graph in which every node but the goal has at least one edge out; the goal has none.</summary>
    /// <param name="seed">Seed of the graph and of its sample walks.</param>
    /// <param name="nodes">Number of nodes, in [2, 26]: 'a' is the goal.</param>
    /// <param name="maxLength">Most nodes of a walk, at least 3.</param>
    /// <param name="edgeProbability">Probability of each edge, in (0, 1].</param>
    /// <exception cref="ArgumentException">So few edges leave hardly any graph in which every node has one: none was found.</exception>
    public RandomWalks(ulong seed, int nodes = 21, int maxLength = 10, double edgeProbability = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(nodes, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nodes, 26);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 3);
        if (!(edgeProbability is > 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(edgeProbability), edgeProbability, "The probability of an edge must be in (0, 1].");
        }

        (this.seed, Nodes, MaxLength) = (seed, nodes, maxLength);
        for (ulong trial = 0; ; trial++)
        {
            if (trial == MaxTrials)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"None of {MaxTrials} graphs of {nodes} nodes has an edge out of every node with an edge probability of {edgeProbability}; raise it."), nameof(edgeProbability));
            }

            edges = Draw(new Draws(RandomStream.For(seed, trial)), nodes, edgeProbability);
            shortest = Distances();
            if (Enumerable.Range(0, nodes).All(n => Enumerable.Range(0, nodes).Any(to => edges[n, to])) && shortest.Skip(1).Any(s => s > 0))
            {
                break;
            }
        }

        for (var to = 0; to < nodes; to++)
        {
            edges[0, to] = false; // a walk ends at the goal
        }

        Problems = [.. Enumerable.Range(1, nodes - 1).Where(n => shortest[n] > 0).Select(n => new Problem(
            $"walk-{Letter(n)}", Letter(n).ToString(), ShortestPath(n)[1..],
            new Dictionary<string, string> { ["start"] = Letter(n).ToString(), ["shortest"] = shortest[n].ToString(CultureInfo.InvariantCulture) }))];
    }

    /// <summary>Number of nodes.</summary>
    public int Nodes { get; }

    /// <summary>Most nodes of a walk, the first included.</summary>
    public int MaxLength { get; }

    /// <summary>
    /// One problem for each node from which the goal can be reached in fewer than <see cref="MaxLength"/> nodes: its letter as the prompt, a shortest path as the answer.
    /// Fields: "start" and "shortest", the number of nodes on a shortest path, both ends included.
    /// </summary>
    public IReadOnlyList<Problem> Problems { get; }

    /// <summary>Whether there is an edge.</summary>
    /// <param name="from">A node's letter.</param>
    /// <param name="to">A node's letter.</param>
    public bool HasEdge(char from, char to) => Node(from) is { } a && Node(to) is { } b && edges[a, b];

    /// <summary>Nodes of a shortest path from a node to the goal, both ends included; null where there is none of fewer than <see cref="MaxLength"/>.</summary>
    public int? ShortestLength(char from) => Node(from) is { } node && shortest[node] > 0 ? shortest[node] : null;

    /// <summary>
    /// Walks drawn at random along edges, "qdfa", for a warm start: from any node but the goal, until the goal or <see cref="MaxLength"/> nodes.
    /// </summary>
    /// <param name="count">How many, at least 1.</param>
    public IReadOnlyList<string> SampleWalks(int count = 1000)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return Enumerable.Range(0, count).Select(i =>
        {
            var draws = new Draws(RandomStream.For(seed, (ulong)i, ulong.MaxValue));
            var node = draws.Between(1, Nodes - 1);
            var walk = Letter(node).ToString();
            while (node != 0 && walk.Length < MaxLength)
            {
                node = draws.From(Enumerable.Range(0, Nodes).Where(to => edges[node, to]).ToArray());
                walk += Letter(node);
            }

            return walk;
        }).ToArray();
    }

    /// <summary>
    /// (max − length)/(max − shortest) in [0, 1], with the lengths in nodes up to the goal: 1 for a shortest path; 0 where a step follows no edge, the goal is not reached, or
    /// only at the last node allowed. What follows the goal is not looked at; white space and '|' between nodes are. Null where the first node has no way to the goal.
    /// </summary>
    /// <param name="walk">Letters, the start included.</param>
    public double? Optimality(string walk)
    {
        ArgumentNullException.ThrowIfNull(walk);
        var nodes = walk.Where(c => !char.IsWhiteSpace(c) && c != '|').ToArray();
        if (nodes.Length == 0 || ShortestLength(nodes[0]) is not { } best)
        {
            return null;
        }

        for (var i = 0; i < nodes.Length && i < MaxLength; i++)
        {
            if (i > 0 && !HasEdge(nodes[i - 1], nodes[i]))
            {
                return 0;
            }

            if (Node(nodes[i]) == 0)
            {
                return (double)(MaxLength - (i + 1)) / (MaxLength - best);
            }
        }

        return 0;
    }

    private static char Letter(int node) => (char)('a' + node);

    private static bool[,] Draw(Draws draws, int nodes, double probability)
    {
        var edges = new bool[nodes, nodes];
        for (var from = 0; from < nodes; from++)
        {
            for (var to = 0; to < nodes; to++)
            {
                edges[from, to] = draws.Chance(probability) && from != to;
            }
        }

        return edges;
    }

    private int? Node(char letter) => letter - 'a' is var node && node >= 0 && node < Nodes ? node : null;

    /// <summary>Breadth first from the goal, against the edges.</summary>
    private int[] Distances()
    {
        var lengths = new int[Nodes];
        lengths[0] = 1;
        var queue = new Queue<int>([0]);
        while (queue.TryDequeue(out var to))
        {
            for (var from = 1; from < Nodes; from++)
            {
                if (edges[from, to] && lengths[from] == 0 && lengths[to] + 1 < MaxLength)
                {
                    lengths[from] = lengths[to] + 1;
                    queue.Enqueue(from);
                }
            }
        }

        return lengths;
    }

    private string ShortestPath(int node)
    {
        var path = Letter(node).ToString();
        while (node != 0)
        {
            node = Enumerable.Range(0, Nodes).First(to => edges[node, to] && shortest[to] == shortest[node] - 1);
            path += Letter(node);
        }

        return path;
    }
}
