using RlPrimitives.Rollouts;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>A step as trackers record it.</summary>
public static class TrainStepMetrics
{
    /// <summary>
    /// Every number of a step by name: <c>reward/mean</c>, <c>objective/NAME/mean</c>, <c>update/loss</c>, <c>rollouts/truncated_fraction</c>, <c>evaluation/pass_at_1</c> …;
    /// its warnings; rewards, advantages and lengths as distributions. What was not measured (not a number) is absent.
    /// </summary>
    /// <param name="step">The step.</param>
    public static StepMetrics ToMetrics(this TrainStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var values = new SortedDictionary<string, double>(StringComparer.Ordinal);
        AddSummary("reward", step.Reward);
        AddSummary("advantage", Summary.Of(step.Advantages.Select(a => (double)a)));
        Add("reward/zero_variance_fraction", step.ZeroVarianceFraction);
        Add("reward/hypervolume", step.Hypervolume);
        Add("reward/group_hypervolume", step.GroupHypervolume);
        foreach (var (name, summary) in step.Objectives)
        {
            AddSummary($"objective/{name}", summary);
        }

        AddUpdate(step);
        AddRollouts(step);
        if (step.Sync is { } sync)
        {
            Add("sync/version", sync.Version);
            Add("sync/seconds", sync.Seconds);
            Add("sync/probe_difference_mean", sync.MeanDifference);
            Add("sync/probe_difference_max", sync.MaxDifference);
        }

        if (step.Evaluation is { } evaluation)
        {
            Add("evaluation/average", evaluation.Average.Value);
            Add("evaluation/average_low", evaluation.Average.Low);
            Add("evaluation/average_high", evaluation.Average.High);
            Add("evaluation/seconds", evaluation.Seconds);
            Add("evaluation/reward_mean", evaluation.MeanReward);
            foreach (var (k, share) in evaluation.PassAt)
            {
                Add(FormattableString.Invariant($"evaluation/pass_at_{k}"), share.Value);
                Add(FormattableString.Invariant($"evaluation/pass_at_{k}_low"), share.Low);
                Add(FormattableString.Invariant($"evaluation/pass_at_{k}_high"), share.High);
            }
        }

        Add("alarms", step.Alarms.Count);
        return new StepMetrics(step.Iteration, DateTimeOffset.Now, values)
        {
            Alarms = [.. step.Alarms.Select(a => new TrackedAlarm(a.Name, a.Message, a.Remedy))],
            Distributions = new Dictionary<string, float[]>
            {
                ["reward"] = step.Rewards, ["advantage"] = step.Advantages, ["response_length"] = Array.ConvertAll(step.ResponseLengths, l => (float)l),
            },
        };

        void Add(string name, double? value)
        {
            if (value is { } number && !double.IsNaN(number))
            {
                values[name] = number;
            }
        }

        void AddSummary(string name, Summary summary)
        {
            Add($"{name}/mean", summary.Mean);
            Add($"{name}/std", summary.Std);
            Add($"{name}/min", summary.Min);
            Add($"{name}/max", summary.Max);
            Add($"{name}/count", summary.Count);
        }

        void AddUpdate(TrainStep step)
        {
            var update = step.Update;
            Add("update/loss", update.Loss);
            Add("update/policy_loss", update.PolicyLoss);
            Add("update/value_loss", update.ValueLoss);
            Add("update/entropy", update.Entropy);
            Add("update/kl", update.Kl);
            Add("update/kl_coefficient", update.KlCoefficient);
            Add("update/policy_kl", update.PolicyKl);
            Add("update/clip_low", update.ClipLow);
            Add("update/clip_high", update.ClipHigh);
            Add("update/ratio_mean", update.RatioMean);
            Add("update/ratio_max", update.RatioMax);
            Add("update/gradient_norm", update.GradientNorm);
            Add("update/value_gradient_norm", update.ValueGradientNorm);
            Add("update/learning_rate", update.LearningRate);
            Add("update/sampler_difference_max", update.SamplerDifference);
            Add("update/sampler_difference_mean", update.SamplerDifferenceMean);
            Add("update/sampler_weight_mean", update.SamplerWeightMean);
            Add("update/sampler_outside", update.SamplerOutside);
            Add("update/explained_variance", update.ExplainedVariance);
            Add("update/tokens", update.Tokens);
            Add("update/trained_tokens", update.TrainedTokens);
            Add("update/optimizer_steps", update.OptimizerSteps);
            Add("update/seconds", step.UpdateSeconds);
            Add("update/tokens_per_second", step.UpdateTokensPerSecond);
        }

        void AddRollouts(TrainStep step)
        {
            var rollouts = step.Rollouts;
            Add("rollouts/trajectories", rollouts.Trajectories);
            Add("rollouts/terminated", rollouts.Terminated);
            Add("rollouts/truncated", rollouts.Truncated);
            Add("rollouts/failed", rollouts.Failed);
            Add("rollouts/failed_fraction", rollouts.FailedFraction);
            Add("rollouts/truncated_fraction", rollouts.TruncatedFraction);
            Add("rollouts/turns", rollouts.Turns);
            Add("rollouts/prompt_tokens", rollouts.PromptTokens);
            Add("rollouts/response_tokens", rollouts.ResponseTokens);
            Add("rollouts/response_length_mean", rollouts.MeanResponseLength);
            Add("rollouts/response_length_max", rollouts.MaxResponseLength);
            Add("rollouts/retries", rollouts.Retries);
            Add("rollouts/tool_calls", rollouts.ToolCalls);
            Add("rollouts/tool_errors", rollouts.ToolErrors);
            Add("rollouts/sampling_rounds", step.SamplingRounds);
            Add("rollouts/seconds", rollouts.Seconds);
            Add("rollouts/tokens_per_second", rollouts.TokensPerSecond);
            Add("rollouts/slot_occupancy", step.Timings?.SlotOccupancy);
            Add("rollouts/place_occupancy", step.Timings?.PlaceOccupancy);
            Add("rollouts/model_seconds", step.Timings?.ModelSeconds);
            Add("rollouts/tool_seconds", step.Timings?.ToolSeconds);
            Add("rollouts/environment_seconds", step.Timings?.EnvironmentSeconds);
            foreach (var (reason, count) in rollouts.StopReasons)
            {
                Add($"rollouts/stop/{reason}", count);
            }
        }
    }
}
