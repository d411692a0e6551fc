namespace RlNotebooks.Tests.Kernel;

/// <summary>A training in a notebook, interrupted in mid-step by the person who watches it.</summary>
[Collection(KernelCollection.Name)]
public sealed class InterruptedTrainingTests(KernelFixture kernel)
{
    private KernelClient Client => kernel.Client;

    [Theory]
    [InlineData("await grpo.TrainAsync(100_000);")] // which nothing tells of the interruption but the kernel
    [InlineData("await grpo.TrainAsync(100_000, Show.Training());")]
    [InlineData("await foreach (var step in grpo.StepsAsync(100_000)) { seen = step.Iteration; }")]
    [InlineData("await foreach (var step in grpo.StepsAsync(100_000)) { seen = step.Iteration; await Task.Delay(60_000); }")] // abandoned inside its loop
    public void A_cell_interrupted_in_mid_step_is_continued_by_the_next(string training)
    {
        var model = Repository.Path("data", "models", "tiny-calc").Replace("\\", "/", StringComparison.Ordinal);
        var library = typeof(RlPrimitives.Notebooks.NotebookHost).Assembly.Location.Replace("\\", "/", StringComparison.Ordinal);
        Run($$"""
            #r "{{library}}"
            using RlPrimitives.Algorithms; using RlPrimitives.Backprop; using RlPrimitives.Environments; using RlPrimitives.Inference; using RlPrimitives.Notebooks;
            using RlPrimitives.Rewards; using RlPrimitives.Rollouts;
            var seen = 0;
            var inference = await InferenceModule.FromPretrainedAsync("{{model}}");
            var env = new SimpleTextEnvironment(inference, Arithmetic.Additions(10, 20, seed: 1), sampling: new SamplingOptions { MaxNewTokens = 4 });
            var rollouts = new RolloutManager(env, new RolloutConfig { GroupSize = 4, Seed = 1 });
            var backprop = new BackpropModule(inference.Model, new BackpropConfig { LearningRate = 1e-5 });
            var grpo = new GrpoAlgorithm(env, rollouts, RewardComputer.From(t => (float)t.Member), backprop, new AlgorithmConfig { BatchSize = 8 });
            """);
        var id = Client.SendCell(training);
        Thread.Sleep(1500);
        Client.Reply(Client.Control, Client.Send(Client.Control, "interrupt_request", []));
        Assert.Equal("error", Client.Reply(Client.Shell, id)["status"]!.ToString());
        Client.Shown(id);

        // The next cells go on with the same objects, alone: what was interrupted takes no step any more.
        Assert.Equal("true", Run("var done = grpo.IterationsDone; var two = await grpo.TrainAsync(2); two[0].Iteration == two[1].Iteration - 1 && two[0].Iteration > done && grpo.IterationsDone == two[1].Iteration"));
        Assert.Equal("true", Run("await Task.Delay(300); grpo.IterationsDone == two[1].Iteration"));
        Assert.Equal("8", Run("two[1].Rewards.Length"));
        Run("backprop.Dispose(); inference.Dispose();");
    }

    private string Run(string code)
    {
        var (reply, shown) = Client.Execute(code);
        Assert.True(reply["status"]!.ToString() == "ok", $"{code}\n{reply["evalue"]}\n{reply["traceback"]}");
        return shown.LastOrDefault(m => m.Type == "execute_result")?.Plain ?? "";
    }
}
