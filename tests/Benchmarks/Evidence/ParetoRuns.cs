using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace Benchmarks.Evidence;

/// <summary>Correctness against brevity: Pareto ranks as advantage beside two weighted sums and GDPO; the hypervolume of the batch over training.</summary>
/// <remarks>An empty answer is the shortest and never right; a right one needs two or three digits. Which of the two a weighted sum prefers depends on its weights.</remarks>
internal static class ParetoRuns
{
    private const int Iterations = 60;

    public static async Task RunAsync(RunRecorder recorder, IReadOnlyList<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            await RunAsync(recorder, "Pareto rank", seed, 1, new AlgorithmConfig { Rewards = RewardMethod.Pareto() });
            await RunAsync(recorder, "Pareto hypervolume", seed, 1, new AlgorithmConfig { Rewards = RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0, 0)) });
            await RunAsync(recorder, "GDPO", seed, 1, AlgorithmConfig.Gdpo);
            await RunAsync(recorder, "sum, brevity 1", seed, 1, new AlgorithmConfig());
            await RunAsync(recorder, "sum, brevity 4", seed, 4, new AlgorithmConfig());
        }
    }

    private static async Task RunAsync(RunRecorder recorder, string method, ulong seed, float brevity, AlgorithmConfig config)
    {
        using var inference = await InferenceModule.FromPretrainedAsync("data/models/tiny-calc");
        var environment = new SimpleTextEnvironment(inference, Prompts.Load("data/prompts/addition.jsonl"), sampling: new SamplingOptions { MaxNewTokens = 8 });
        var rewards = new RewardComputer(
            new RewardOptions { ReferencePoint = [0, 0] }, (new ExactMatch(), 1), (new Brevity(), brevity));
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 16, Seed = seed });
        var evaluation = new EvaluationPlan { Problems = Prompts.Load("data/prompts/addition-held-out.jsonl"), Every = 20, Sampling = environment.Sampling, Rewards = new RewardComputer((new ExactMatch(), 1)) };
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-4, Seed = seed });
        var algorithm = new GrpoAlgorithm(environment, rollouts, rewards, backprop, config with { BatchSize = 128, Evaluation = evaluation });
        await recorder.TrainAsync(method, seed, algorithm, Iterations);
    }

    /// <summary>1 for an empty answer, 0 at eight tokens.</summary>
    private sealed class Brevity : IObjective
    {
        public string Name => "brevity";

        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) =>
            ValueTask.FromResult<float?>(1 - (trajectory.ResponseTokens / 8f));
    }
}
