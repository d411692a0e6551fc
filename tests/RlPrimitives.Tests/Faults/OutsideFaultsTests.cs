using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Algorithms;
using RlPrimitives.Tests.Backprop;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tests.Rollouts;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Faults;

/// <summary>Numbers that are none, files that change, memory that is not there, ends in mid-step, and company.</summary>
public class OutsideFaultsTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 4).Select(i => new Problem($"{i}", $"{i}", ""))];

    [Fact]
    public async Task Nan_weights_fail_every_trajectory_by_name_and_train_nothing()
    {
        var errors = new List<string?>();
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Member, collected => errors.AddRange(collected.Select(t => t.Error)));
        Spoil(run.Inference.Model);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0];
        Assert.Equal((64, 0, 0), (step.Rollouts.Failed, step.Rewards.Length, step.Update.OptimizerSteps));
        Assert.All(errors, e => Assert.Contains("NaN", e, StringComparison.Ordinal));
        Assert.Contains(step.Alarms, a => a.Name == "failures");
    }

    [Theory]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NaN)]
    [InlineData(-1)]
    [InlineData(0)]
    public async Task A_learning_rate_that_is_no_positive_number_is_refused_wherever_it_is_given(double rate)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new BackpropConfig { LearningRate = rate });
        Assert.ThrowsAny<ArgumentException>(() => new LearningRateSchedule { Peak = rate, Steps = 10 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ValueConfig { LearningRateFactor = rate });
        using var model = TinyModels.Fresh();
        using var backprop = new BackpropModule(model, new BackpropConfig());
        var before = BackpropModuleTests.Values(model);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => backprop.UpdateSupervisedAsync([new TrainingRow([1, 2], [1], [-1], [1])], rate));
        Assert.Equal(before, BackpropModuleTests.Values(model));
    }

    [Fact]
    public async Task A_learning_rate_that_is_far_too_high_ends_in_a_refusal_and_not_in_silence()
    {
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Member, config: new BackpropConfig { LearningRate = 1e38 });
        var said = "";
        try
        {
            said = string.Join(' ', (await run.Algorithm.TrainAsync(3).Ends())[^1].Alarms.Select(a => a.Name));
        }
        catch (NonFiniteUpdateException e)
        {
            said = e.Message;
        }

        Assert.True(said.Contains("failures", StringComparison.Ordinal) || said.Contains("not finite", StringComparison.Ordinal), said);
    }

    [Fact]
    public async Task A_model_folder_that_changes_afterwards_changes_nothing_of_what_was_loaded()
    {
        using var folder = new TemporaryFolder();
        using (var made = TinyModels.FreshModule())
        {
            made.Save(folder.Path);
        }

        using var module = await InferenceModule.FromPretrainedAsync(folder.Path);
        var options = new SamplingOptions { Temperature = 0, MaxNewTokens = 4 };
        var (weights, said) = (BackpropModuleTests.Values(module.Model), (await module.GenerateAsync("a", options)).TokenIds);
        var path = folder.In("model.safetensors");
        var bytes = new byte[new FileInfo(path).Length];
        await File.WriteAllBytesAsync(path, bytes[..(bytes.Length / 2)]); // cut in place
        await File.WriteAllTextAsync(folder.In("config.json"), "{}");
        await File.WriteAllTextAsync(folder.In("tokenizer.json"), "{}");
        Assert.Equal(weights, BackpropModuleTests.Values(module.Model));
        Assert.Equal(said, (await module.GenerateAsync("a", options)).TokenIds);
        Directory.Delete(folder.Path, recursive: true);
        Assert.Equal(said, (await module.GenerateAsync("a", options)).TokenIds);
        Directory.CreateDirectory(folder.Path);
    }

    [Fact]
    public void A_model_folder_that_changes_between_opening_and_reading_is_an_error_with_both_lengths()
    {
        using var folder = new TemporaryFolder();
        using var scope = NewDisposeScope();
        using (var model = TinyModels.Fresh())
        {
            model.Save(folder.Path);
        }

        using var opened = ModelFolder.Open(folder.Path);
        var path = folder.In("model.safetensors");
        var length = new FileInfo(path).Length;
        File.WriteAllBytes(path, new byte[100]);
        var message = Assert.Throws<IOException>(() => opened.Read(opened.TensorNames.First())).Message;
        Assert.Contains($"expected {length} bytes", message, StringComparison.Ordinal);
        Assert.Contains("found 100", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_beyond_the_machines_memory_is_refused_before_any_of_it_is_taken()
    {
        var huge = new ModelConfig
        {
            Family = ModelFamily.Llama, VocabularySize = 1 << 20, Width = 1 << 15, Layers = 500, Heads = 256, KeyValueHeads = 256, HeadDimension = 128, FeedForwardWidth = 1 << 17,
            ContextLength = 128, EosTokenIds = [0],
        };
        var message = Assert.Throws<InsufficientMemoryException>(() => CausalLM.Create(huge, seed: 1)).Message;
        Assert.Matches(@"The model's weights would take [0-9.]+ GB of memory; there are [0-9.]+ GB\. Nothing was begun: ", message);
    }

    [Fact]
    public void A_cache_beyond_the_machines_memory_is_refused_and_the_one_there_is_stays()
    {
        using var model = TinyModels.Fresh();
        using var cache = new KeyValueCache(model.Config with { ContextLength = 1 << 27 }, CPU, ScalarType.Float32);
        cache.Reserve(2, 10);
        var (slots, capacity) = (cache.Slots, cache.Capacity);
        var message = Assert.Throws<InsufficientMemoryException>(() => cache.Reserve(1000, 1 << 26)).Message;
        Assert.Contains("The key-value cache of 1000 sequences of 67108864 tokens would take", message, StringComparison.Ordinal);
        Assert.Contains("maxConcurrency", message, StringComparison.Ordinal);
        Assert.Equal((slots, capacity), (cache.Slots, cache.Capacity));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 2)]
    [InlineData(4, 0)]
    [InlineData(4, 1)]
    [InlineData(4, 3)]
    public void A_cache_whose_growth_fails_midway_is_as_new_and_holds_nothing(int slotsBefore, int tensorsThatFit)
    {
        using var model = TinyModels.Fresh();
        var fit = int.MaxValue;
        using var cache = new KeyValueCache(model.Config, CPU, ScalarType.Float32, shape => fit-- > 0 ? zeros(shape) : throw new InvalidOperationException("no memory"));
        if (slotsBefore > 0)
        {
            cache.Reserve(slotsBefore, 10);
        }

        fit = tensorsThatFit;
        Assert.Equal("no memory", Assert.Throws<InvalidOperationException>(() => cache.Reserve(8, 100)).Message);
        Assert.Equal((0, 0, 0L), (cache.Slots, cache.Capacity, cache.Bytes));
        fit = int.MaxValue;
        cache.Clear();
        cache.Reserve(2, 10);
        Assert.Equal(2, cache.Slots);
        var (keys, values) = cache.Read(model.Config.Layers - 1, 2, 10);
        using (keys)
        using (values)
        {
            Assert.Equal([2, model.Config.KeyValueHeads, 10, model.Config.HeadDimension], keys.shape);
            Assert.Equal(keys.shape, values.shape);
        }
    }

    [Fact]
    public async Task Generation_goes_on_after_the_cache_could_not_grow()
    {
        using var model = TinyModels.Fresh();
        var fit = int.MaxValue;
        using var engine = new DecodeEngine(model, TinyModels.Tokenizer, 4, 1 << 20, shape => fit-- > 0 ? zeros(shape) : throw new InvalidOperationException("no memory"));
        GenerationRequest[] Requests(int count) => [.. Enumerable.Range(0, count).Select(i => new GenerationRequest([1 + i, 2], new SamplingOptions { Temperature = 0, MaxNewTokens = 5 }, default))];
        var first = await engine.GenerateAsync(Requests(2), default);
        fit = 1;
        Assert.Equal("no memory", (await Assert.ThrowsAsync<InvalidOperationException>(() => engine.GenerateAsync(Requests(4), default))).Message);
        fit = int.MaxValue;
        var again = await engine.GenerateAsync(Requests(4), default);
        Assert.Equal(first.Select(g => g.TokenIds), again.Take(2).Select(g => g.TokenIds));
    }

    [Theory]
    [InlineData("GRPO, several turns", 40)]
    [InlineData("PPO", 16)]
    public async Task A_training_cancelled_at_any_moment_ends_as_cancelled_and_can_go_on(string kind, int moments)
    {
        using var folder = new TemporaryFolder();
        var random = new Random(1);
        var cancelled = 0;
        using var run = new CheckpointTests.Run(kind, folder.Path, [], config => config with { SaveEvery = 1 }, collected: () => Thread.Sleep(random.Next(2)));
        var clock = System.Diagnostics.Stopwatch.StartNew();
        await run.Algorithm.TrainAsync(1).Ends();
        var whole = (int)clock.ElapsedMilliseconds;
        for (var moment = 0; moment < moments; moment++)
        {
            using var stop = new CancellationTokenSource(moment == 0 ? 0 : random.Next(1, Math.Max(2, whole)));
            var before = run.Algorithm.IterationsDone;
            try
            {
                await run.Algorithm.TrainAsync(2, cancellationToken: stop.Token).Ends();
                Assert.Equal(before + 2, run.Algorithm.IterationsDone);
            }
            catch (OperationCanceledException e)
            {
                cancelled++;
                Assert.True(stop.IsCancellationRequested, $"{e}");
                Assert.InRange(run.Algorithm.IterationsDone, before, before + 2);
            }
        }

        Assert.InRange(cancelled, 1, moments);
        var step = (await run.Algorithm.TrainAsync(1).Ends())[0]; // all is as it should be
        Assert.Equal((run.Algorithm.IterationsDone, 16, 0), (step.Iteration, step.Rewards.Length, step.Rollouts.Failed));
        Assert.All(BackpropModuleTests.Values(run.Inference.Model), w => Assert.True(float.IsFinite(w)));
    }

    [Fact]
    public async Task Two_trainings_at_once_in_one_process_are_what_each_is_alone()
    {
        string[] kinds = ["GRPO, several turns", "PPO"];
        var alone = new List<List<string>>();
        foreach (var kind in kinds)
        {
            alone.Add(await RecordAsync(kind));
        }

        var together = await Task.WhenAll(kinds.Select(kind => Task.Run(() => RecordAsync(kind)))).Ends();
        Assert.Equal(alone, together);

        static async Task<List<string>> RecordAsync(string kind)
        {
            var said = new List<string>();
            await ChildTraining.TrainAsync(kind, null, 4, 2, null, said.Add);
            return said;
        }
    }

    [Fact]
    public async Task A_second_training_of_one_algorithm_is_refused_while_the_first_is_under_way()
    {
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Member);
        var first = run.Algorithm.StepsAsync(5).GetAsyncEnumerator();
        Assert.True(await first.MoveNextAsync());
        Assert.Contains("under way", (await Assert.ThrowsAsync<InvalidOperationException>(() => run.Algorithm.TrainAsync(1).Ends())).Message, StringComparison.Ordinal);
        await first.DisposeAsync();
        Assert.Equal(2, (await run.Algorithm.TrainAsync(1).Ends())[0].Iteration);
    }

    [Fact]
    public async Task A_loop_that_was_cancelled_and_abandoned_gives_way_and_takes_no_further_step()
    {
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Member);
        using var stop = new CancellationTokenSource();
        var abandoned = run.Algorithm.StepsAsync(5, stop.Token).GetAsyncEnumerator();
        Assert.True(await abandoned.MoveNextAsync());
        await stop.CancelAsync();
        Assert.Equal([2, 3], (await run.Algorithm.TrainAsync(2).Ends()).Select(s => s.Iteration));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await abandoned.MoveNextAsync());
        Assert.Equal(3, run.Algorithm.IterationsDone);
    }

    [Fact]
    public async Task Whoever_hosts_a_cell_interrupts_the_trainings_and_collections_that_it_started()
    {
        using var run = new GrpoAlgorithmTests.Run(1, t => t.Member);
        using var stop = new CancellationTokenSource();
        var training = Task.Run(() =>
        {
            Interruption.Token = stop.Token;
            return run.Algorithm.TrainAsync(100_000, new RolloutManagerTests.Reporting<TrainStep>(_ => stop.Cancel()));
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => training.Ends());
        Assert.Equal(1, run.Algorithm.IterationsDone);
        Assert.False(Interruption.Token.CanBeCanceled); // it flows with the cell alone
    }

    private static void Spoil(CausalLM model)
    {
        using var _ = no_grad();
        model.Parameters[0].Parameter.fill_(float.NaN);
        model.MarkChanged();
    }
}
