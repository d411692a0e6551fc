using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    /// <summary>A searchable table of completions: prompt, response, answer, reward, why it ended, sampled tokens.</summary>
    /// <param name="trajectories">Any number; the first <paramref name="rows"/> are shown with the count of all.</param>
    /// <param name="rewards">One for each trajectory; null: it has none.</param>
    /// <param name="tokenizer">Shows prompts and responses as the model had them, special tokens included.</param>
    /// <param name="rows">Most rows to show.</param>
    /// <exception cref="ArgumentException">There is another number of rewards than of trajectories.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is below 1.</exception>
    public static TrajectoryTable Completions(
        IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?>? rewards = null, ITokenizer? tokenizer = null, int rows = 200) =>
        Trajectories(trajectories, rewards, tokenizer, rows).Searchable();

    /// <summary>A searchable table of completions with the score of every objective.</summary>
    /// <param name="trajectories">Any number; the first <paramref name="rows"/> are shown with the count of all.</param>
    /// <param name="scored">Their scores.</param>
    /// <param name="tokenizer">Shows prompts and responses as the model had them, special tokens included.</param>
    /// <param name="rows">Most rows to show.</param>
    /// <exception cref="ArgumentException">Another number was scored.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is below 1.</exception>
    public static TrajectoryTable Completions(IReadOnlyList<Trajectory> trajectories, RewardBatch scored, ITokenizer? tokenizer = null, int rows = 200)
    {
        ArgumentNullException.ThrowIfNull(scored);
        return Trajectories(trajectories, scored.Totals, tokenizer, rows).Searchable(scored.Objectives);
    }
}
