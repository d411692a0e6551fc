using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>A table of trajectories: prompt, response, answer, reward, why it ended, sampled tokens.</summary>
    /// <param name="trajectories">Any number; the first <paramref name="rows"/> are shown with the count of all.</param>
    /// <param name="rewards">One for each trajectory; null: it has none.</param>
    /// <param name="tokenizer">Shows prompts and responses as the model had them, special tokens included.</param>
    /// <param name="rows">Most rows to show.</param>
    /// <exception cref="ArgumentException">There is another number of rewards than of trajectories.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is below 1.</exception>
    public static TrajectoryTable Trajectories(
        IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?>? rewards = null, ITokenizer? tokenizer = null, int rows = 20)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        if (rewards is not null && rewards.Count != trajectories.Count)
        {
            throw new ArgumentException($"{rewards.Count} rewards for {trajectories.Count} trajectories: give one for each.", nameof(rewards));
        }

        return new TrajectoryTable(trajectories, rewards, tokenizer, rows);
    }
}
