using RlPrimitives.Algorithms;
using RlPrimitives.Environments;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tests;

public class DataFrameTests
{
    [Fact]
    public void A_run_is_one_row_per_step_with_every_measure()
    {
        TrainingHistory history = new("GRPO", [Histories.Step(1, 2, [0, 1], 2, ("correct", 0.5)), Histories.Step(2, 2, [1, 3], 4, ("correct", 0.75), ("entropy", 9))]);

        var table = history.ToDataFrame();
        Assert.Equal(
            ["iteration", "reward_mean", "reward_std", "reward_min", "reward_max", "correct", "objective_entropy", "zero_variance_fraction", "hypervolume", "group_hypervolume",
             "sampling_rounds", "loss", "policy_loss", "value_loss", "explained_variance", "entropy", "kl", "kl_coefficient", "policy_kl", "clip_low", "clip_high", "ratio_mean", "ratio_max",
             "gradient_norm", "learning_rate", "sampler_difference", "sampler_difference_mean", "sampler_weight_mean", "optimizer_steps", "trained_tokens", "mean_response_length",
             "truncated_fraction", "tokens_per_second", "rollout_seconds", "update_seconds", "update_tokens_per_second", "evaluation_average", "alarms"],
            table.Columns.Select(c => c.Name));
        Assert.Equal(2, table.Rows.Count);
        Assert.Equal(
            [2, 2.0, Math.Sqrt(2), 1.0, 3.0, 0.75, 9.0, 0.25, null, null, 1, -0.5, 0.0, null, null, 1.0, 0.02, 0.0, 0.0, 0.02, 0.03, 1.01, 1.0, 0.7, 3e-4, 1e-6, 0.0, 1.0, 4, 1000,
             12.0, 0.25, 24.0, 4.0, 1.0, 0.0, null, null],
            table.Rows[1]);
        Assert.Null(table.Rows[0][6]);
    }

    [Fact]
    public void A_step_without_rewards_has_none_instead_of_zeros()
    {
        var row = Histories.Of(Array.Empty<float>()).ToDataFrame().Rows[0];

        Assert.Equal([1, null, null, null, null], row.Take(5));
    }

    [Fact]
    public void An_empty_run_is_a_table_without_rows() => Assert.Equal(0, Histories.Empty.ToDataFrame().Rows.Count);

    [Fact]
    public void Trajectories_are_one_row_each()
    {
        Trajectory[] trajectories = [Histories.Trajectory("2", 1), new(new Problem("q", "2+2=", "4"), 4, 0, [], TrajectoryStatus.Failed, "no tool")];

        var table = trajectories.ToDataFrame([1, float.NaN]);
        Assert.Equal(["group", "member", "problem", "prompt", "response", "answer", "reward", "status", "stop_reason", "turns", "response_tokens", "error"], table.Columns.Select(c => c.Name));
        Assert.Equal([3, 1, "p", "1+1=", "2", "2", 1.0, "Terminated", "StopToken", 1, 3, null], table.Rows[0]);
        Assert.Equal([4, 0, "q", "2+2=", "", "4", null, "Failed", null, 0, 0, "no tool"], table.Rows[1]);
        Assert.DoesNotContain("reward", trajectories.ToDataFrame().Columns.Select(c => c.Name));
        Assert.Throws<ArgumentException>(() => trajectories.ToDataFrame([1]));
    }

    [Fact]
    public void Statistics_of_a_collection_are_one_row_a_measure()
    {
        Trajectory[] trajectories = [Histories.Trajectory("2"), Histories.Trajectory("3", 1), new(new Problem("q", "2+2=", "4"), 4, 0, [], TrajectoryStatus.Failed, "FormatException: no tool")];

        var table = RolloutStatistics.Of(trajectories, seconds: 3, retries: 5).ToDataFrame();
        var measures = table.Rows.ToDictionary(r => (string)r[0], r => (double)r[1]);
        Assert.Equal(["measure", "value"], table.Columns.Select(c => c.Name));
        Assert.Equal((3.0, 2.0, 1.0, 5.0), (measures["trajectories"], measures["terminated"], measures["failed"], measures["retries"]));
        Assert.Equal((3.0, 3.0, 2.0, 2.0), (measures["response_length_p90"], measures["response_length_max"], measures["prompt_length_mean"], measures["tokens_per_second"]));
        Assert.Equal((2.0, 1.0), (measures["stop_stop_token"], measures["error_FormatException"]));
    }

    [Fact]
    public void Timings_are_one_row_an_attempt()
    {
        var table = new RolloutTimings(2, 4, [new TrajectoryTiming(1, 2, 0, 3, 0.5, 2, 0.75, 0.25, TrajectoryStatus.Truncated)], null).ToDataFrame();
        Assert.Equal(["place", "group", "member", "attempt", "status", "start", "end", "seconds", "model_seconds", "tool_seconds", "environment_seconds"], table.Columns.Select(c => c.Name));
        Assert.Equal([3, 1, 2, 0, "Truncated", 0.5, 2.0, 1.5, 0.75, 0.25, 0.5], table.Rows[0]);
    }

    [Fact]
    public void A_scored_batch_is_one_row_a_trajectory_with_every_objective()
    {
        var batch = Histories.Batch(("correct", [1, null]), ("total", [3, 4]));

        Assert.Equal(["index", "total", "correct", "objective_total"], batch.ToDataFrame().Columns.Select(c => c.Name));
        Assert.Equal([1, null, null, 4.0], batch.ToDataFrame().Rows[1]);
        Assert.Equal([3, 0, "p", 1.0, 1.0, 3.0], batch.ToDataFrame([Histories.Trajectory("2"), Histories.Trajectory("3", 1)]).Rows[0]);
        Assert.Throws<ArgumentException>(() => batch.ToDataFrame([Histories.Trajectory("2")]));
    }

    [Fact]
    public void An_evaluation_is_one_row_a_measure_with_its_interval()
    {
        var table = new EvaluationResult(5, 4, new Dictionary<int, Interval> { [4] = new(0.5, 0.25, 0.75), [1] = new(0.25, 0, 0.5) }, new(0.25, 0, double.NaN), 0.25, 1).ToDataFrame();

        Assert.Equal(["pass_at_1", "pass_at_4", "average"], table.Rows.Select(r => r[0]));
        Assert.Equal(["pass_at_4", 0.5, 0.25, 0.75], table.Rows[1]);
        Assert.Null(table.Rows[2][3]);
    }

    [Fact]
    public void Supervised_steps_are_one_row_each() =>
        Assert.Equal([2, 0.5, 1.5, 0.001], ((IReadOnlyList<SupervisedStep>)[new SupervisedStep(1, 2, 1, 2, 0.002), new SupervisedStep(2, 2, 0.5, 1.5, 0.001)]).ToDataFrame().Rows[1]);

    [Fact]
    public void The_trajectories_of_a_run_are_one_row_each_by_iteration()
    {
        var table = Histories.Scored([(1, -3)], [(0, null), (1, -1)]).ToTrajectoryDataFrame();

        Assert.Equal(["iteration", "group", "member", "reward", "advantage", "response_tokens", "brevity", "correct"], table.Columns.Select(c => c.Name));
        Assert.Equal([2, 7, 1, 1.0, 0.0, null, -1.0, 1.0], table.Rows[2]);
        Assert.Null(table.Rows[1][6]);
    }
}
