using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace Benchmarks.Evidence;

/// <summary>The shipped model and its additions: GRPO, RLOO, REINFORCE and PPO on the same budget of samples.</summary>
internal static class TinyCalcRuns
{
    private const int Iterations = 60;

    public static async Task RunAsync(RunRecorder recorder, IReadOnlyList<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            foreach (var method in (string[])["GRPO", "RLOO", "REINFORCE", "PPO"])
            {
                await RunAsync(recorder, method, seed);
            }
        }
    }

    private static async Task RunAsync(RunRecorder recorder, string method, ulong seed)
    {
        using var inference = await InferenceModule.FromPretrainedAsync("data/models/tiny-calc");
        var problems = Prompts.Load("data/prompts/addition.jsonl");
        var environment = new SimpleTextEnvironment(inference, problems, sampling: new SamplingOptions { MaxNewTokens = 8 });
        var rewards = new RewardComputer((new ExactMatch(), 1));
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 8, Seed = seed });
        var evaluation = new EvaluationPlan { Problems = Prompts.Load("data/prompts/addition-held-out.jsonl"), Every = 20, Sampling = environment.Sampling };
        var config = new AlgorithmConfig { BatchSize = 128, Evaluation = evaluation };
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig
        {
            LearningRate = 1e-4, Seed = seed, Value = method == "PPO" ? new ValueConfig { LearningRateFactor = 10 } : null,
        });
        Algorithm algorithm = method switch
        {
            "GRPO" => new GrpoAlgorithm(environment, rollouts, rewards, backprop, config),
            "RLOO" => new ReinforceAlgorithm(environment, rollouts, rewards, backprop, AlgorithmConfig.Rloo with { BatchSize = 128, Evaluation = evaluation }),
            "REINFORCE" => new ReinforceAlgorithm(environment, rollouts, rewards, backprop, config),
            _ => new PpoAlgorithm(environment, rollouts, rewards, backprop, config with { Update = UpdateConfig.Ppo with { Epochs = 2, MiniBatches = 2 } }),
        };
        await recorder.TrainAsync(method, seed, algorithm, Iterations);
    }
}
