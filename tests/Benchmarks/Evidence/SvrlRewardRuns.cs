using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;

namespace Benchmarks.Evidence;

/// <summary>The four rewards of <c>notebooks/10</c> on the shipped model, with its settings: a fair price of a call, a price above what a right answer is worth, Pareto fronts, and fronts with a corner.</summary>
internal static class SvrlRewardRuns
{
    private const int Iterations = 30;

    public static async Task RunAsync(RunRecorder recorder, IReadOnlyList<ulong> seeds)
    {
        foreach (var seed in seeds)
        {
            await RunAsync(recorder, "price 0.4", seed, new SvrlRewardComputer(new ExactMatch(), price: 0.4f));
            await RunAsync(recorder, "price 1.2", seed, new SvrlRewardComputer(new ExactMatch(), price: 1.2f));
            await RunAsync(recorder, "fronts", seed, new ParetoRewardComputer(new ExactMatch(), new ToolCost()));
            await RunAsync(recorder, "fronts, corner", seed, new ParetoRewardComputer(new ExactMatch(), new ToolCost()) { Method = RewardMethod.Pareto(tieBreak: TieBreak.Hypervolume(0, -3)) });
        }
    }

    private static async Task RunAsync(RunRecorder recorder, string method, ulong seed, IRewardComputer rewards)
    {
        using var inference = await InferenceModule.FromPretrainedAsync("data/models/tiny-tools");
        var task = new SimpleTextEnvironment(inference, Prompts.Load("data/prompts/sums-and-products.jsonl"), sampling: new SamplingOptions { MaxNewTokens = 16 });
        var environment = new SvrlEnvironment(task, [Calculator.Tool()], new SvrlOptions { Budget = 2 });
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 8, Seed = seed });
        using var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 3e-4 });
        var calls = new CallsByKind(rewards);
        await recorder.TrainAsync(method, seed, new GrpoAlgorithm(environment, rollouts, calls, backprop, new AlgorithmConfig { BatchSize = 128 }), Iterations, _ => calls.Columns);
    }
}
