using Microsoft.Data.Analysis;
using RlPrimitives.Algorithms;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

/// <summary>Runs and rollouts as <see cref="DataFrame"/>s, one row each, to group, filter and save.</summary>
public static class DataFrames
{
    /// <summary>
    /// One row per step. Columns: iteration, reward_mean, reward_std, reward_min, reward_max, one for each objective by its name
    /// (<c>objective_</c> before it where that is taken), zero_variance_fraction, loss, entropy, kl, clip_low, clip_high, ratio_mean, gradient_norm,
    /// learning_rate, sampler_difference, trained_tokens, mean_response_length, truncated_fraction, tokens_per_second, rollout_seconds, update_seconds.
    /// What a step does not have is null.
    /// </summary>
    /// <param name="history">The run; without steps, a table without rows.</param>
    public static DataFrame ToDataFrame(this TrainingHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        DataFrameColumn[] before =
        [
            Whole("iteration", history, s => s.Iteration),
            Real("reward_mean", history, s => Known(s.RewardMean)),
            Real("reward_std", history, s => s.Rewards.Length == 0 ? null : s.RewardStd),
            Real("reward_min", history, s => s.Rewards.Length == 0 ? null : s.Rewards.Min()),
            Real("reward_max", history, s => s.Rewards.Length == 0 ? null : s.Rewards.Max()),
        ];
        DataFrameColumn[] after =
        [
            Real("zero_variance_fraction", history, s => s.ZeroVarianceFraction),
            Real("loss", history, s => s.Update.Loss),
            Real("entropy", history, s => s.Update.Entropy),
            Real("kl", history, s => s.Update.Kl),
            Real("clip_low", history, s => s.Update.ClipLow),
            Real("clip_high", history, s => s.Update.ClipHigh),
            Real("ratio_mean", history, s => s.Update.RatioMean),
            Real("gradient_norm", history, s => s.Update.GradientNorm),
            Real("learning_rate", history, s => s.Update.LearningRate),
            Real("sampler_difference", history, s => s.Update.SamplerDifference),
            Whole("trained_tokens", history, s => s.Update.Tokens),
            Real("mean_response_length", history, s => s.Rollouts.MeanResponseLength),
            Real("truncated_fraction", history, s => s.Rollouts.TruncatedFraction),
            Real("tokens_per_second", history, s => s.Rollouts.TokensPerSecond),
            Real("rollout_seconds", history, s => s.Rollouts.Seconds),
            Real("update_seconds", history, s => s.UpdateSeconds),
        ];
        var taken = before.Concat(after).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        var objectives = history.SelectMany(s => s.ObjectiveMeans.Keys).Distinct().Order(StringComparer.Ordinal).Select(name =>
            Real(taken.Contains(name) ? "objective_" + name : name, history, s => s.ObjectiveMeans.TryGetValue(name, out var mean) ? Known(mean) : null));
        return new DataFrame([.. before, .. objectives, .. after]);
    }

    /// <summary>
    /// One row per trajectory. Columns: group, member, problem, prompt, response, answer, reward (where given), status, stop_reason (null without a turn),
    /// turns, response_tokens, error (null where none).
    /// </summary>
    /// <param name="trajectories">Any number.</param>
    /// <param name="rewards">One for each trajectory; null: it has none.</param>
    /// <exception cref="ArgumentException">There is another number of rewards than of trajectories.</exception>
    public static DataFrame ToDataFrame(this IReadOnlyList<Trajectory> trajectories, IReadOnlyList<float?>? rewards = null)
    {
        ArgumentNullException.ThrowIfNull(trajectories);
        if (rewards is not null && rewards.Count != trajectories.Count)
        {
            throw new ArgumentException($"{rewards.Count} rewards for {trajectories.Count} trajectories: give one for each.", nameof(rewards));
        }

        return new DataFrame(
        [
            Whole("group", trajectories, t => t.Group),
            Whole("member", trajectories, t => t.Member),
            Words("problem", trajectories, t => t.Problem.Id),
            Words("prompt", trajectories, t => t.Problem.Prompt),
            Words("response", trajectories, t => t.Response),
            Words("answer", trajectories, t => t.Problem.Answer),
            .. rewards is null ? (DataFrameColumn[])[] : [Real("reward", rewards, r => r is { } known ? Known(known) : null)],
            Words("status", trajectories, t => t.Status.ToString()),
            Words("stop_reason", trajectories, t => t.Turns.IsDefaultOrEmpty ? null : t.Turns[^1].StopReason.ToString()),
            Whole("turns", trajectories, t => t.Turns.IsDefault ? 0 : t.Turns.Length),
            Whole("response_tokens", trajectories, t => t.ResponseTokens),
            Words("error", trajectories, t => t.Error),
        ]);
    }

    private static Int32DataFrameColumn Whole<T>(string name, IEnumerable<T> rows, Func<T, int> value) => new Int32DataFrameColumn(name, rows.Select(value));

    private static DoubleDataFrameColumn Real<T>(string name, IEnumerable<T> rows, Func<T, double?> value) => new DoubleDataFrameColumn(name, rows.Select(value));

    private static StringDataFrameColumn Words<T>(string name, IEnumerable<T> rows, Func<T, string?> value) => new StringDataFrameColumn(name, rows.Select(value));

    private static double? Known(double value) => double.IsNaN(value) ? null : value;
}
