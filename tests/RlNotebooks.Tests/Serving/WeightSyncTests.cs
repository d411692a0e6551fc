using System.Text.Json.Nodes;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests;

namespace RlNotebooks.Tests.Serving;

/// <summary>A trainer here, the sampler behind HTTP.</summary>
[Collection(ServerUnderTest.Collection)]
public sealed class WeightSyncTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private static readonly IReadOnlyList<Problem> Additions = Prompts.Load(Repository.Path("data", "prompts", "addition.jsonl"));

    private static readonly IRewardComputer Right = RewardComputer.From(t => t.Response.Trim() == t.Problem.Answer ? 1f : 0f);

    [Fact]
    public async Task Grpo_with_lora_trains_over_http_as_it_does_locally()
    {
        const int iterations = 12;
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync(change: o => o with { MaxLoras = 3 });
        using var remote = await server.ModuleAsync();
        using var trained = WithLora();
        var steps = await TrainAsync(remote, trained, new WeightSync(folder.Path), iterations);

        using var owned = WithLora();
        using var local = new InferenceModule(owned, remote.Tokenizer);
        var alone = await TrainAsync(local, owned, null, iterations);

        var (before, after) = (steps.Take(3).Average(s => s.RewardMean), steps.TakeLast(3).Average(s => s.RewardMean));
        var (localBefore, localAfter) = (alone.Take(3).Average(s => s.RewardMean), alone.TakeLast(3).Average(s => s.RewardMean));
        var said = $"over HTTP {before:F3} → {after:F3}, locally {localBefore:F3} → {localAfter:F3}; {steps.Average(s => s.Sync!.Seconds):F2} s a sync, {steps.Average(s => s.Rollouts.Seconds):F2} s a collection (locally {alone.Average(s => s.Rollouts.Seconds):F2} s)";
        output.WriteLine(said);
        Assert.True(after - before > 0.08, said);
        Assert.True(localAfter - localBefore > 0.08, said);

        // Every step says with which weights it was sampled, and how far sampler and trainer were apart.
        Assert.Equal(iterations, steps.Select(s => s.Sync!.Version).Distinct().Count());
        Assert.All(steps, s => Assert.InRange(s.Sync!.MeanDifference, 0, 1e-4));
        Assert.All(steps, s => Assert.InRange(s.Update.SamplerDifferenceMean, 1e-9, 1e-4)); // another computation of the same numbers
        Assert.All(steps, s => Assert.InRange(s.Update.SamplerWeightMean, 0.999, 1.001));
        Assert.All(steps, s => Assert.Equal(0, s.Update.SamplerOutside));
        Assert.All(alone, s => Assert.Null(s.Sync));
        Assert.Equal(2, Directory.GetDirectories(folder.Path).Length); // older versions are deleted
        Assert.Equal(iterations - 2, server.Bad.Requests.Count(p => p == "/v1/unload_lora_adapter"));
    }

    [Fact]
    public async Task A_sampler_with_other_log_probs_is_weighed_and_shows_on_the_step()
    {
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = WithLora();
        server.Bad.Rewrite = answer =>
        {
            // Another engine: it sampled as it says, with every probability e times smaller.
            if (answer["choices"]![0]!["logprobs"]?["token_logprobs"] is JsonArray told)
            {
                answer["choices"]![0]!["logprobs"]!["token_logprobs"] = new JsonArray([.. told.Select(p => (JsonNode)((float)p! - 1))]);
            }
        };
        foreach (var (correction, weight) in new[] { (SamplerCorrection.Verl, 2.0), (SamplerCorrection.Trl, 0.0), (SamplerCorrection.Verl with { Maximum = 5 }, Math.E) })
        {
            var step = Assert.Single(await TrainAsync(remote, trained, new WeightSync(folder.Path), 1, correction));
            Assert.Equal(1, step.Update.SamplerDifferenceMean, 1e-3);
            Assert.Equal(weight, step.Update.SamplerWeightMean, 1e-2); // cut at 2, left out above 3 for whole sequences, within bounds
            Assert.Equal(correction.Maximum > Math.E && correction.Level == SamplerCorrectionLevel.Token ? 0 : 1, step.Update.SamplerOutside, 0.02);
            Assert.Contains(step.Alarms, a => a.Name == "sampler mismatch");
        }
    }

    [Fact]
    public async Task A_trajectory_carries_the_version_it_was_sampled_with()
    {
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = WithLora();
        Assert.Null((await remote.GenerateAsync("1+1=")).WeightsVersion);
        var sampler = (IWeightReceiver)remote.Backend;
        trained.SaveLora(Path.Combine(folder.Path, "a"));
        await sampler.LoadLoraAsync(Path.Combine(folder.Path, "a"), 7);
        Assert.Equal((7L, 7L), (sampler.WeightsVersion, (await remote.GenerateAsync("1+1=")).WeightsVersion));
        var rollouts = new RolloutManager(Environment(remote), new RolloutConfig { GroupSize = 2 });
        Assert.All((await rollouts.CollectAsync(4)).Trajectories, t => Assert.Equal(7, t.WeightsVersion));
    }

    [Fact]
    public async Task Whole_weights_are_reloaded_at_every_endpoint_and_nothing_else_runs_meanwhile()
    {
        using var folder = new Folder();
        await using var first = await ServerUnderTest.StartAsync();
        await using var second = await ServerUnderTest.StartAsync();
        using var backend = await VllmBackend.ConnectAsync([first.Address, second.Address], "tiny", ServerUnderTest.Quick);
        using var remote = new InferenceModule(backend, RlPrimitives.Models.Tokenizers.HuggingFaceTokenizer.FromPretrained(ServerUnderTest.TinyCalc));
        using var trained = CausalLM.FromPretrained(ServerUnderTest.TinyCalc);
        var steps = await TrainAsync(remote, trained, new WeightSync(folder.Path), 2);
        Assert.All(steps, s => Assert.InRange(s.Sync!.MaxDifference, 0, 1e-3));
        Assert.NotEqual(steps[0].Sync!.Version, steps[1].Sync!.Version);
        foreach (var server in new[] { first, second })
        {
            Assert.Equal(["/pause", "/collective_rpc", "/reset_prefix_cache", "/resume"],
                server.Bad.Requests.Where(p => p is "/pause" or "/collective_rpc" or "/reset_prefix_cache" or "/resume").Take(4));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_sampler_that_keeps_old_weights_stops_the_run_by_name(bool isLora)
    {
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = isLora ? WithLora() : CausalLM.FromPretrained(ServerUnderTest.TinyCalc);
        server.Bad.KeepsWeightsStale = true;
        var failure = await Assert.ThrowsAsync<WeightMismatchException>(() => TrainAsync(remote, trained, new WeightSync(folder.Path), 4));
        Assert.Contains(server.Address, failure.Message, StringComparison.Ordinal);
        Assert.Contains("version", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sampler_of_another_model_stops_the_run_before_anything_is_sampled()
    {
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = CausalLM.Create(CausalLMConfig(), seed: 1);
        trained.AddLora(new LoraConfig());
        var failure = await Assert.ThrowsAsync<WeightMismatchException>(() => TrainAsync(remote, trained, new WeightSync(folder.Path), 1));
        Assert.Contains("WeightSync.Tolerance", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_comes_back_without_the_adapter_gets_it_again()
    {
        using var folder = new Folder();
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = WithLora();
        trained.SaveLora(folder.Path);
        await ((IWeightReceiver)remote.Backend).LoadLoraAsync(folder.Path, 1);
        await AskAsync("v1/unload_lora_adapter"); // as a restart would
        Assert.Equal(1, (await remote.GenerateAsync("1+1=", SamplingOptions.Greedy).Ends()).WeightsVersion);
        Assert.Equal(2, server.Bad.Requests.Count(p => p == "/v1/load_lora_adapter"));

        async Task AskAsync(string path)
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
            http.DefaultRequestHeaders.Authorization = new("Bearer", ServerUnderTest.Key);
            var models = await http.GetStringAsync("v1/models");
            var name = System.Text.Json.JsonElement.Parse(models).GetProperty("data")[1].GetProperty("id").GetString()!;
            (await http.PostAsync(path, new StringContent($$"""{"lora_name": "{{name}}"}""", System.Text.Encoding.UTF8, "application/json"))).EnsureSuccessStatusCode();
        }
    }

    [Fact]
    public async Task A_server_that_allows_no_updates_says_what_it_needs()
    {
        await using var server = await ServerUnderTest.StartAsync(change: o => o with { AllowWeightUpdates = false });
        using var remote = await server.ModuleAsync();
        var sampler = (IWeightReceiver)remote.Backend;
        Assert.Contains("VLLM_ALLOW_RUNTIME_LORA_UPDATING", (await Assert.ThrowsAsync<VllmException>(() => sampler.LoadLoraAsync("/x", 1).Ends())).Message, StringComparison.Ordinal);
        Assert.Contains("VLLM_SERVER_DEV_MODE", (await Assert.ThrowsAsync<VllmException>(() => sampler.LoadWeightsAsync("/x", 1).Ends())).Message, StringComparison.Ordinal);
        Assert.Null(sampler.WeightsVersion);
    }

    [Fact]
    public async Task Sampler_model_and_options_must_fit()
    {
        await using var server = await ServerUnderTest.StartAsync();
        using var remote = await server.ModuleAsync();
        using var trained = WithLora();
        using var local = new InferenceModule(trained, remote.Tokenizer);
        Assert.Contains("WeightSync", (await Assert.ThrowsAsync<ArgumentException>(() => TrainAsync(remote, trained, null, 1))).Message, StringComparison.Ordinal);
        Assert.Contains("leave AlgorithmConfig.WeightSync null", (await Assert.ThrowsAsync<ArgumentException>(() => TrainAsync(local, trained, new WeightSync("x"), 1))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WeightSync("x") { Tolerance = 0 });
        Assert.Throws<ArgumentException>(() => new WeightSync("x") { Probe = [[1]] });
    }

    private static CausalLM WithLora()
    {
        var model = CausalLM.FromPretrained(ServerUnderTest.TinyCalc);
        model.AddLora(new LoraConfig { Rank = 8, Alpha = 16 }, seed: 1);
        return model;
    }

    private static ModelConfig CausalLMConfig() => ModelConfigJson.Load(ServerUnderTest.TinyCalc);

    private static SimpleTextEnvironment Environment(InferenceModule inference) => new(inference, Additions, maxSteps: 1, new SamplingOptions { MaxNewTokens = 8 });

    private static async Task<List<TrainStep>> TrainAsync(InferenceModule inference, CausalLM model, WeightSync? sync, int iterations, SamplerCorrection? correction = null)
    {
        var environment = Environment(inference);
        var rollouts = new RolloutManager(environment, new RolloutConfig { NumParallel = 128, GroupSize = 8, Seed = 1 });
        using var backprop = new BackpropModule(model, new BackpropConfig { LearningRate = model.Lora is null ? 1e-4 : 3e-3 });
        var config = new AlgorithmConfig { BatchSize = 128, WeightSync = sync, Update = UpdateConfig.Grpo with { SamplerCorrection = correction ?? SamplerCorrection.Verl } };
        var steps = new List<TrainStep>();
        await foreach (var step in new GrpoAlgorithm(environment, rollouts, Right, backprop, config).StepsAsync(iterations))
        {
            steps.Add(step);
        }

        return steps;
    }

    private sealed class Folder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("rlnotebooks-weights-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
