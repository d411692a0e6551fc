using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Notebooks.Tokens;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int ShownTokens = 400;

    /// <summary>One trajectory token by token: turns, tool calls, the sampled tokens coloured, and over each its exact id and numbers.</summary>
    /// <param name="trajectory">The trajectory.</param>
    /// <param name="tokenizer">The model's own.</param>
    /// <param name="advantages">One for each sampled token over all turns; null: unknown, and there is no such colouring.</param>
    /// <param name="ratios">π(token)/π_old(token), one for each sampled token; null: unknown.</param>
    /// <param name="mask">True where a sampled token is trained on; null: all are.</param>
    /// <param name="reward">Its reward; null: it has none.</param>
    /// <param name="colouring">What the tokens are coloured by at first.</param>
    /// <param name="tokens">About how many tokens are shown before texts are cut in their middle; at least 1.</param>
    /// <exception cref="ArgumentException">A list is not as long as there are sampled tokens.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokens"/> is below 1.</exception>
    public static TrajectoryView Trajectory(
        Trajectory trajectory, ITokenizer tokenizer, IReadOnlyList<float>? advantages = null, IReadOnlyList<float>? ratios = null, IReadOnlyList<bool>? mask = null,
        float? reward = null, TokenColouring colouring = TokenColouring.LogProb, int tokens = ShownTokens)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        return new TrajectoryView([(trajectory, reward, new TokenMarks(advantages, ratios, mask).CheckedFor(trajectory))], tokenizer, colouring, $"Problem {trajectory.Problem.Id}", tokens);
    }

    /// <summary>Trajectories side by side, the best reward first; the prompt once where it is the same for all.</summary>
    /// <param name="trajectories">Usually the members of one group.</param>
    /// <param name="rewards">One for each trajectory; null: it has none and comes last.</param>
    /// <param name="tokenizer">The model's own.</param>
    /// <param name="advantages">For each trajectory one for each of its sampled tokens; null: unknown.</param>
    /// <param name="ratios">For each trajectory one for each of its sampled tokens; null: unknown.</param>
    /// <param name="colouring">What the tokens are coloured by at first.</param>
    /// <param name="most">Most trajectories to show: the best and the worst of them.</param>
    /// <param name="tokens">About how many tokens are shown in all before texts are cut in their middle; at least 1.</param>
    /// <exception cref="ArgumentException">There are no trajectories, or the lists are not as long as they are.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="tokens"/> or <paramref name="most"/> is below 1.</exception>
    public static TrajectoryView Group(
        IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?> rewards, ITokenizer tokenizer, IReadOnlyList<float[]>? advantages = null, IReadOnlyList<float[]>? ratios = null,
        TokenColouring colouring = TokenColouring.LogProb, int most = 8, int tokens = ShownTokens)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        if (trajectories.Count == 0)
        {
            throw new ArgumentException("There are no trajectories to show.", nameof(trajectories));
        }

        Same(rewards.Count, nameof(rewards));
        Same(advantages?.Count, nameof(advantages));
        Same(ratios?.Count, nameof(ratios));
        int[] order = [.. Enumerable.Range(0, trajectories.Count).OrderByDescending(i => rewards[i] ?? float.NegativeInfinity)];
        int[] shown = order.Length <= most ? order : [.. order[..((most + 1) / 2)], .. order[^(most / 2)..]];
        var problems = trajectories.Select(t => t.Problem.Id).Distinct().ToArray();
        var heading = (problems.Length == 1 ? $"Problem {problems[0]}: " : "") + (shown.Length == order.Length
            ? Count(order.Length, "trajectory", "trajectories") : $"the best {(most + 1) / 2} and the worst {most / 2} of {order.Length} trajectories") + ", best reward first";
        return new TrajectoryView(
            [.. shown.Select(i => (trajectories[i], rewards[i], new TokenMarks(advantages?[i], ratios?[i], null).CheckedFor(trajectories[i])))], tokenizer, colouring, heading, tokens);

        void Same(int? count, string name)
        {
            if (count is { } given && given != trajectories.Count)
            {
                throw new ArgumentException($"{given} {name} for {trajectories.Count} trajectories: give one for each.", name);
            }
        }
    }
}
