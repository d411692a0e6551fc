using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rewards;
using RlPrimitives.Tests.Algorithms;
using TorchSharp;

namespace RlPrimitives.Tests;

/// <summary>The number of live tensors after n rounds is that after one: nothing waits for the garbage collector.</summary>
[Collection(nameof(Alone))]
public class LiveTensorTests
{
    [Fact]
    public async Task Generations_leave_no_tensor_behind()
    {
        using var module = TinyModels.FreshModule(maxConcurrency: 4);
        await AssertFlatAsync(50, async i =>
        {
            await module.GenerateAsync(["a", "bb", "ccc", "dddd", "eeeee"], new SamplingOptions { MaxNewTokens = 1 + (i % 5) });
            var generated = await module.GenerateAsync("x", new SamplingOptions { MaxNewTokens = 3 });
            await module.GetLogProbsAsync([generated.PromptIds], [generated.TokenIds]);
            await module.GetLogitsAsync(["abc", "d"]);
            using var cancelled = new CancellationTokenSource();
            var stopped = module.GenerateAsync([new GenerationRequest([1], new SamplingOptions(), default, _ => cancelled.Cancel())], cancelled.Token);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped);
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public async Task Updates_leave_no_tensor_behind(double klCoefficient)
    {
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, new BackpropConfig { MicroBatchTokens = 8 });
        var update = new UpdateConfig { Kl = new KlPenalty { Coefficient = klCoefficient }, MiniBatches = 2 };
        TrainingRow[] rows = [.. Enumerable.Range(2, 6).Select(n => new TrainingRow(
            [.. Enumerable.Range(0, n + 1)], [.. Enumerable.Range(1, n)], [.. Enumerable.Repeat(-5f, n)], [.. Enumerable.Repeat(n % 2 == 0 ? 1f : -1, n)]))];
        await AssertFlatAsync(30, async _ =>
        {
            await module.UpdateAsync(rows, update);
            await module.UpdateSupervisedAsync(rows);
            await module.ComputeLogProbsAsync(rows);
            await Assert.ThrowsAsync<NonFiniteUpdateException>(() => module.UpdateAsync([rows[0] with { Advantages = [float.NaN, 0] }], update));
        });
    }

    [Fact]
    public async Task Models_modules_and_backends_leave_no_tensor_behind()
    {
        using var shape = TinyModels.Fresh();
        // TorchSharp counts a parameter twice, as the tensor it is made of and as itself, and uncounts it once; its memory is freed.
        await AssertFlatAsync(5, countedTooOften: (3 * shape.Parameters.Count) + 4, work: async _ =>
        {
            using var module = TinyModels.FreshModule();
            using var backprop = new BackpropModule(module.Model, new BackpropConfig { Value = new ValueConfig { HiddenWidth = 8, SeparateTrunk = true } });
            await module.GenerateAsync("a", new SamplingOptions { MaxNewTokens = 2 });
            await backprop.UpdateAsync([new TrainingRow([1, 2, 3], [1, 2], [-5, -5], [1, 1]) { Returns = [1, 1] }], new UpdateConfig { Kl = KlPenalty.InLoss });
        });
    }

    [Fact]
    public async Task Adapters_leave_no_tensor_behind()
    {
        using var model = TinyModels.Fresh();
        using var module = new InferenceModule(model, TinyModels.Tokenizer);
        using var folder = new Models.TemporaryFolder();
        // A parameter is counted once too often, as below: 28 in each of two sets of adapters.
        await AssertFlatAsync(8, countedTooOften: 2 * 28, work: async i =>
        {
            model.AddLora(new RlPrimitives.Models.LoraConfig { Rank = 2 }, seed: i);
            using (var optimizer = new AdamW(model.TrainableParameters.Select(p => p.Parameter).ToArray()))
            {
                using var scope = TorchSharp.torch.NewDisposeScope();
                Models.LoraTests.Loss(model, [[1, 2, 3], [4, 5, 6, 7]]).backward();
                optimizer.Step(1e-3);
                optimizer.ClearGradients();
            }

            model.MarkChanged();
            await module.GenerateAsync("a", new SamplingOptions { MaxNewTokens = 2 });
            model.SaveLora(folder.Path);
            model.Save(folder.Path);
            model.RemoveLora();
            model.LoadLora(folder.Path);
            model.MergeLora();
        });
    }

    [Fact]
    public async Task Iterations_of_training_leave_no_tensor_behind()
    {
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Turns[0].TokenIds[0] % 2, null, new BackpropConfig { LearningRate = 1e-3 },
            algorithm: new AlgorithmConfig { BatchSize = 64, Update = new UpdateConfig { Kl = KlPenalty.InLoss } });
        await AssertFlatAsync(20, _ => run.Algorithm.TrainAsync(1));
    }

    private static async Task AssertFlatAsync(int rounds, Func<int, Task> work, int countedTooOften = 0)
    {
        for (var i = 0; i < 6; i++)
        {
            await work(i); // caches reach their size
        }

        // What other tests forgot goes now; afterwards only explicit disposal counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = torch.Tensor.TotalCount;
        for (var i = 0; i < rounds; i++)
        {
            await work(i);
        }

        Assert.True(torch.Tensor.TotalCount <= before + (rounds * countedTooOften), $"{before} → {torch.Tensor.TotalCount} live tensors");
    }
}

/// <summary>Tests that look at the whole process run while no others do.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
