using System.Text.Json;
using Microsoft.Data.Analysis;
using RlPrimitives.Algorithms;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks;

/// <summary>Runs and rollouts as <see cref="DataFrame"/>s, one row each, to group, filter and save.</summary>
public static class DataFrames
{
    /// <summary>
    /// One row per step. Columns: iteration, reward_mean, reward_std, reward_min, reward_max, one for each objective by its name
    /// (<c>objective_</c> before it where that is taken), zero_variance_fraction, hypervolume, group_hypervolume, sampling_rounds, the members of
    /// <see cref="Backprop.UpdateStatistics"/>, mean_response_length, truncated_fraction, tokens_per_second, rollout_seconds, update_seconds,
    /// update_tokens_per_second, evaluation_average, alarms.
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
            Real("hypervolume", history, s => s.Hypervolume),
            Real("group_hypervolume", history, s => s.GroupHypervolume),
            Whole("sampling_rounds", history, s => s.SamplingRounds),
            Real("loss", history, s => s.Update.Loss),
            Real("policy_loss", history, s => s.Update.PolicyLoss),
            Real("value_loss", history, s => Known(s.Update.ValueLoss)),
            Real("explained_variance", history, s => Known(s.Update.ExplainedVariance)),
            Real("entropy", history, s => s.Update.Entropy),
            Real("kl", history, s => Known(s.Update.Kl)),
            Real("kl_coefficient", history, s => s.Update.KlCoefficient),
            Real("policy_kl", history, s => s.Update.PolicyKl),
            Real("clip_low", history, s => s.Update.ClipLow),
            Real("clip_high", history, s => s.Update.ClipHigh),
            Real("ratio_mean", history, s => s.Update.RatioMean),
            Real("ratio_max", history, s => s.Update.RatioMax),
            Real("gradient_norm", history, s => s.Update.GradientNorm),
            Real("learning_rate", history, s => s.Update.LearningRate),
            Real("sampler_difference", history, s => s.Update.SamplerDifference),
            Real("sampler_difference_mean", history, s => s.Update.SamplerDifferenceMean),
            Real("sampler_weight_mean", history, s => s.Update.SamplerWeightMean),
            Whole("optimizer_steps", history, s => s.Update.OptimizerSteps),
            Whole("trained_tokens", history, s => s.Update.Tokens),
            Real("mean_response_length", history, s => s.Rollouts.MeanResponseLength),
            Real("truncated_fraction", history, s => s.Rollouts.TruncatedFraction),
            Real("tokens_per_second", history, s => s.Rollouts.TokensPerSecond),
            Real("rollout_seconds", history, s => s.Rollouts.Seconds),
            Real("update_seconds", history, s => s.UpdateSeconds),
            Real("update_tokens_per_second", history, s => s.UpdateTokensPerSecond),
            Real("evaluation_average", history, s => s.Evaluation?.Average.Value),
            Words("alarms", history, s => s.Alarms.Count == 0 ? null : string.Join(", ", s.Alarms.Select(a => a.Name))),
        ];
        var taken = before.Concat(after).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        var objectives = history.SelectMany(s => s.Objectives.Keys).Distinct().Order(StringComparer.Ordinal).Select(name =>
            Real(taken.Contains(name) ? "objective_" + name : name, history, s => s.Objectives.TryGetValue(name, out var scores) ? Known(scores.Mean) : null));
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

    /// <summary>
    /// One row per measure, columns measure and value: counts, shares, response_length_*, prompt_length_* and turns_* (mean, std, min, p10, p50, p90, p99, max),
    /// stop_* for each stop reason and error_* for each kind of failure that occurred, tokens_per_second, seconds.
    /// </summary>
    /// <param name="statistics">Of a collection.</param>
    public static DataFrame ToDataFrame(this RolloutStatistics statistics)
    {
        ArgumentNullException.ThrowIfNull(statistics);
        (string Name, double Value)[] rows =
        [
            ("trajectories", statistics.Trajectories),
            ("terminated", statistics.Terminated),
            ("truncated", statistics.Truncated),
            ("failed", statistics.Failed),
            ("retries", statistics.Retries),
            ("truncated_fraction", statistics.TruncatedFraction),
            ("failed_fraction", statistics.FailedFraction),
            ("turns", statistics.Turns),
            ("prompt_tokens", statistics.PromptTokens),
            ("response_tokens", statistics.ResponseTokens),
            .. Measures("response_length", statistics.ResponseLengths),
            .. Measures("prompt_length", statistics.PromptLengths),
            .. Measures("turns", statistics.TurnCounts),
            .. statistics.StopReasons.Select(r => ("stop_" + JsonNamingPolicy.SnakeCaseLower.ConvertName(r.Key.ToString()), (double)r.Value)),
            .. statistics.Errors.Select(e => ("error_" + e.Key, (double)e.Value)),
            ("tool_calls", statistics.ToolCalls),
            ("tool_errors", statistics.ToolErrors),
            ("tokens_per_second", statistics.TokensPerSecond),
            ("seconds", statistics.Seconds),
        ];
        return new DataFrame([Words("measure", rows, r => r.Name), Real("value", rows, r => r.Value)]);
    }

    /// <summary>
    /// One row per attempt, the bars of a Gantt chart of the places. Columns: place, group, member, attempt, status, start, end, seconds, model_seconds, tool_seconds,
    /// environment_seconds; all seconds, from the beginning of the collection.
    /// </summary>
    /// <param name="timings">Of a collection.</param>
    public static DataFrame ToDataFrame(this RolloutTimings timings)
    {
        ArgumentNullException.ThrowIfNull(timings);
        var rows = timings.Timeline;
        return new DataFrame(
        [
            Whole("place", rows, t => t.Place),
            Whole("group", rows, t => t.Group),
            Whole("member", rows, t => t.Member),
            Whole("attempt", rows, t => t.Attempt),
            Words("status", rows, t => t.Status.ToString()),
            Real("start", rows, t => t.Start),
            Real("end", rows, t => t.End),
            Real("seconds", rows, t => t.Seconds),
            Real("model_seconds", rows, t => t.ModelSeconds),
            Real("tool_seconds", rows, t => t.ToolSeconds),
            Real("environment_seconds", rows, t => t.EnvironmentSeconds),
        ]);
    }

    /// <summary>
    /// One row per trajectory. Columns: group, member and problem (where the trajectories are given), total, one for each objective by its name (<c>objective_</c> before it where
    /// that is taken). What is absent is null.
    /// </summary>
    /// <param name="scored">Rewards of a batch.</param>
    /// <param name="trajectories">Those that were scored, in their order; null: index is the only name of a row.</param>
    /// <exception cref="ArgumentException">There is another number of trajectories.</exception>
    public static DataFrame ToDataFrame(this RewardBatch scored, IReadOnlyList<Trajectory>? trajectories = null)
    {
        ArgumentNullException.ThrowIfNull(scored);
        if (trajectories is not null && trajectories.Count != scored.Totals.Length)
        {
            throw new ArgumentException($"{trajectories.Count} trajectories for {scored.Totals.Length} scored ones: give one for each.", nameof(trajectories));
        }

        DataFrameColumn[] before =
        [
            .. trajectories is null
                ? (DataFrameColumn[])[Whole("index", Enumerable.Range(0, scored.Totals.Length), i => i)]
                : [Whole("group", trajectories, t => t.Group), Whole("member", trajectories, t => t.Member), Words("problem", trajectories, t => t.Problem.Id)],
            Real("total", scored.Totals, t => t),
        ];
        return new DataFrame([.. before, .. scored.Objectives.Select(o => Real(before.Any(c => c.Name == o.Key) ? "objective_" + o.Key : o.Key, o.Value, v => v))]);
    }

    /// <summary>One row per k of pass@k and one for the average. Columns: measure, value, low, high; shares in [0, 1] with their 95 % intervals.</summary>
    /// <param name="result">Of an evaluation.</param>
    public static DataFrame ToDataFrame(this EvaluationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        (string Name, Interval Share)[] rows = [.. result.PassAt.OrderBy(p => p.Key).Select(p => (FormattableString.Invariant($"pass_at_{p.Key}"), p.Value)), ("average", result.Average)];
        return new DataFrame(
            [Words("measure", rows, r => r.Name), Real("value", rows, r => Known(r.Share.Value)), Real("low", rows, r => Known(r.Share.Low)), Real("high", rows, r => Known(r.Share.High))]);
    }

    /// <summary>One row per step of supervised training. Columns: step, loss (nats), gradient_norm, learning_rate.</summary>
    /// <param name="steps">Any number.</param>
    public static DataFrame ToDataFrame(this IReadOnlyList<SupervisedStep> steps)
    {
        ArgumentNullException.ThrowIfNull(steps);
        return new DataFrame([Whole("step", steps, s => s.Step), Real("loss", steps, s => Known(s.Loss)), Real("gradient_norm", steps, s => Known(s.GradientNorm)), Real("learning_rate", steps, s => s.LearningRate)]);
    }

    /// <summary>
    /// One row per trajectory of every step, for grouping by iteration. Columns: iteration, group, member (null where the step does not say), reward, advantage, response_tokens, one for each
    /// objective by its name (<c>objective_</c> before it where that is taken).
    /// </summary>
    /// <param name="history">The run; without steps, a table without rows.</param>
    public static DataFrame ToTrajectoryDataFrame(this TrainingHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        (TrainStep Step, int Index)[] rows = [.. history.SelectMany(s => Enumerable.Range(0, s.Rewards.Length).Select(i => (s, i)))];
        DataFrameColumn[] before =
        [
            Whole("iteration", rows, r => r.Step.Iteration),
            Whole("group", rows, r => At(r.Step.Groups, r.Index)),
            Whole("member", rows, r => At(r.Step.Members, r.Index)),
            Real("reward", rows, r => Known(r.Step.Rewards[r.Index])),
            Real("advantage", rows, r => r.Index < r.Step.Advantages.Length ? Known(r.Step.Advantages[r.Index]) : null),
            Whole("response_tokens", rows, r => At(r.Step.ResponseLengths, r.Index)),
        ];
        var objectives = history.SelectMany(s => s.Scores.Keys).Distinct().Order(StringComparer.Ordinal);
        return new DataFrame([.. before, .. objectives.Select(name => Real(
            before.Any(c => c.Name == name) ? "objective_" + name : name, rows, r => r.Step.Scores.TryGetValue(name, out var scores) ? scores[r.Index] : null))]);

        static int? At(int[] values, int index) => index < values.Length ? values[index] : null;
    }

    private static IEnumerable<(string Name, double Value)> Measures(string name, Summary summary) =>
    [
        (name + "_mean", summary.Mean), (name + "_std", summary.Std), (name + "_min", summary.Min), (name + "_p10", summary.P10), (name + "_p50", summary.P50),
        (name + "_p90", summary.P90), (name + "_p99", summary.P99), (name + "_max", summary.Max),
    ];

    private static Int32DataFrameColumn Whole<T>(string name, IEnumerable<T> rows, Func<T, int> value) => new Int32DataFrameColumn(name, rows.Select(value));

    private static Int32DataFrameColumn Whole<T>(string name, IEnumerable<T> rows, Func<T, int?> value) => new Int32DataFrameColumn(name, rows.Select(value));

    private static DoubleDataFrameColumn Real<T>(string name, IEnumerable<T> rows, Func<T, double?> value) => new DoubleDataFrameColumn(name, rows.Select(value));

    private static StringDataFrameColumn Words<T>(string name, IEnumerable<T> rows, Func<T, string?> value) => new StringDataFrameColumn(name, rows.Select(value));

    private static double? Known(double value) => double.IsNaN(value) ? null : value;
}
