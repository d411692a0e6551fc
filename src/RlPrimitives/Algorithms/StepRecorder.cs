using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>The last part of an iteration, the same for every algorithm: what is recorded, warned about and evaluated.</summary>
internal sealed class StepRecorder(AlgorithmConfig config, Evaluator? evaluator, RunLog log)
{
    private readonly AlarmBell bell = new(config.Alarms);

    /// <summary>Entropy of the run's first step; null before.</summary>
    public double? FirstEntropy
    {
        get => bell.FirstEntropy;
        set => bell.FirstEntropy = value;
    }

    public async Task<TrainStep> RecordAsync(
        int iteration, int iterations, Experience experience, AdvantageBatch advantages, UpdateStatistics update, long updateStarted,
        CancellationToken cancellationToken)
    {
        var seconds = Stopwatch.GetElapsedTime(updateStarted).TotalSeconds;
        var scored = experience.Scored;
        var advantageOf = experience.Used.Zip(advantages.PerToken).ToDictionary(p => p.First, p => p.Second.Average());
        log.Completions(iteration, experience, advantageOf);
        var step = new TrainStep(
            iteration, iterations, Array.ConvertAll(scored, i => experience.Scores.Totals[i]!.Value),
            experience.Scores.Objectives.ToDictionary(o => o.Key, o => Summary.Of(o.Value.OfType<float>().Select(v => (double)v))),
            Array.ConvertAll(scored, i => advantageOf.GetValueOrDefault(i)),
            experience.ZeroVarianceFraction, update, experience.Rollouts.Statistics, seconds)
        {
            ResponseLengths = Array.ConvertAll(scored, i => experience.Rollouts.Trajectories[i].ResponseTokens),
            Groups = Array.ConvertAll(scored, i => experience.Rollouts.Trajectories[i].Group),
            Members = Array.ConvertAll(scored, i => experience.Rollouts.Trajectories[i].Member),
            Scores = experience.Scores.Objectives.ToDictionary(o => o.Key, o => Array.ConvertAll(scored, i => o.Value[i])),
            Timings = experience.Rollouts.Timings,
            Hypervolume = experience.Scores.Hypervolume,
            GroupHypervolume = experience.Scores.GroupHypervolume,
            SamplingRounds = experience.Rounds,
            Sync = experience.Sync,
            UpdateTokensPerSecond = seconds > 0 ? update.TrainedTokens / seconds : 0,
        };
        step = step with { Alarms = bell.Of(step) };
        return evaluator is not null && config.Evaluation!.IsDue(iteration, iterations)
            ? step with { Evaluation = await evaluator.EvaluateAsync(cancellationToken).ConfigureAwait(false) }
            : step;
    }
}
