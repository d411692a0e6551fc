using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;
using RlPrimitives.Algorithms;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rewards;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Backprop;
using RlPrimitives.Tests.Models;
using RlPrimitives.Tests.Rollouts;

namespace RlPrimitives.Tests.Algorithms;

public class CheckpointTests
{
    private static readonly Problem[] Problems = [.. Enumerable.Range(0, 8).Select(i => new Problem($"{i}", $"{i}", ""))];

    public static TheoryData<string> EveryRun => ["GRPO", "GRPO, LoRA", "GRPO, moving average", "GRPO, several turns", "GRPO, dynamic sampling", "PPO", "PPO, separate trunk",
        "PPO, several turns", "REINFORCE++", "REINFORCE, several turns"];

    [Theory]
    [MemberData(nameof(EveryRun))]
    public async Task A_run_that_was_interrupted_goes_on_bit_for_bit(string kind)
    {
        using var folder = new TemporaryFolder();
        var whole = new List<string>();
        using (var run = new Run(kind, null, whole))
        {
            whole.AddRange(Numbers(await run.Algorithm.TrainAsync(6)));
            whole.Add(run.Weights());
        }

        var parts = new List<string>();
        using (var first = new Run(kind, folder.Path, parts))
        {
            await first.Algorithm.TrainAsync(3);
        }

        using (var second = new Run(kind, folder.Path, parts))
        {
            var resumed = await second.Algorithm.ResumeAsync();
            Assert.Equal((3, 0), (resumed.Iteration, resumed.Damaged.Count));
            Assert.Equal([1, 2, 3], second.Algorithm.History.Select(s => s.Iteration));
            await second.Algorithm.TrainAsync(3);
            Assert.Equal([1, 2, 3, 4, 5, 6], second.Algorithm.History.Select(s => s.Iteration));
            parts.AddRange(Numbers(second.Algorithm.History));
            parts.Add(second.Weights());
        }

        Assert.Equal(whole, parts);
    }

    [Theory]
    [InlineData(2.9802322387695312E-08)] // 2⁻²⁵, which .NET 10 writes as the number below
    [InlineData(4.1045368012983762E-289)] // 2⁻⁹⁵⁸
    [InlineData(0.1)]
    [InlineData(-0.0)]
    [InlineData(1.0 / 3)]
    [InlineData(double.Epsilon)]
    [InlineData(double.MaxValue)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    public void A_number_of_the_history_comes_back_bit_for_bit(double value)
    {
        var options = new JsonSerializerOptions { Converters = { new ExactDoubles() } };
        Assert.Equal(BitConverter.DoubleToInt64Bits(value), BitConverter.DoubleToInt64Bits(JsonSerializer.Deserialize<double>(JsonSerializer.Serialize(value, options), options)));
        Assert.Equal(value, JsonSerializer.Deserialize<double?>(JsonSerializer.Serialize<double?>(value, options), options));
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<double>("\"1\"", options));
    }

    [Fact]
    public async Task A_history_comes_back_as_it_was()
    {
        using var folder = new TemporaryFolder();
        var plan = new EvaluationPlan { Problems = Problems[..2], Every = 1, Samples = 2, PassAt = [1, 2] };
        using var run = new Run("GRPO", folder.Path, [], config => config with { Evaluation = plan, Alarms = new AlarmThresholds { Truncated = 0 } });
        var history = await run.Algorithm.TrainAsync(2);
        using var again = new Run("GRPO", folder.Path, []);
        await again.Algorithm.ResumeAsync();
        foreach (var (was, now) in history.Zip(again.Algorithm.History))
        {
            Assert.Equal(was.Rewards, now.Rewards);
            Assert.Equal(was.Advantages, now.Advantages);
            Assert.Equal(was.ResponseLengths, now.ResponseLengths);
            Assert.Equal(was.Update, now.Update);
            Assert.Equal(was.Objectives, now.Objectives);
            Assert.Equal(was.Scores.Keys, now.Scores.Keys);
            Assert.All(was.Scores, scores => Assert.Equal(scores.Value, now.Scores[scores.Key]));
            Assert.NotEmpty(now.Scores);
            Assert.Equal(was.Groups, now.Groups);
            Assert.Equal(was.Members, now.Members);
            Assert.Equal(was.Rollouts.StopReasons, now.Rollouts.StopReasons);
            Assert.Equal(was.Rollouts.ResponseLengths, now.Rollouts.ResponseLengths);
            Assert.Equal(was.Alarms, now.Alarms);
            Assert.NotEmpty(now.Alarms);
            Assert.Equal(was.Evaluation!.PassAt, now.Evaluation!.PassAt);
            Assert.Equal(was.Reward, now.Reward);
        }
    }

    [Fact]
    public async Task The_model_of_a_checkpoint_is_a_folder_that_anybody_loads()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run("GRPO", folder.Path, []);
        await run.Algorithm.TrainAsync(1);
        using var loaded = CausalLM.FromPretrained(Path.Combine(folder.Path, "step-000001", "model"));
        Assert.Equal(BackpropModuleTests.Values(run.Inference.Model), BackpropModuleTests.Values(loaded)); // not rounded to the storage type
    }

    [Fact]
    public async Task The_last_ones_and_the_best_are_kept()
    {
        using var folder = new TemporaryFolder();
        var iteration = 0;
        // The third iteration scores best.
        using var run = new Run("GRPO", folder.Path, [], config => config with { SaveEvery = 1, KeepLast = 2 }, _ => iteration == 3 ? 1 : 0.1f, () => iteration++);
        await run.Algorithm.TrainAsync(7);
        Assert.Equal(["step-000003", "step-000006", "step-000007"], Names(folder.Path));
        Assert.EndsWith("step-000007", await run.Algorithm.SaveCheckpointAsync(best: true), StringComparison.Ordinal); // by hand, whatever its value
        await run.Algorithm.TrainAsync(2);
        Assert.Equal(["step-000007", "step-000008", "step-000009"], Names(folder.Path));
    }

    [Theory]
    [InlineData("model/model.safetensors", "flip")]
    [InlineData("optimizer.safetensors", "cut")]
    [InlineData("state.json", "delete")]
    [InlineData("manifest.json", "cut")]
    [InlineData("manifest.json", "delete")]
    [InlineData("history.jsonl", "flip")]
    public async Task A_damaged_checkpoint_is_named_and_the_one_before_is_used(string file, string damage)
    {
        using var folder = new TemporaryFolder();
        using (var run = new Run("GRPO", folder.Path, [], config => config with { SaveEvery = 1 }))
        {
            await run.Algorithm.TrainAsync(3);
        }

        Damage(Path.Combine(folder.Path, "step-000003", file), damage);
        using (var again = new Run("GRPO", folder.Path, []))
        {
            var resumed = await again.Algorithm.ResumeAsync();
            Assert.Equal(2, resumed.Iteration);
            Assert.Contains("step-000003", Assert.Single(resumed.Damaged), StringComparison.Ordinal);
            Assert.Contains(damage == "delete" || file != "manifest.json" ? Path.GetFileName(file) : "manifest", resumed.Damaged[0], StringComparison.Ordinal);
        }

        Damage(Path.Combine(folder.Path, "step-000002", file), damage);
        using var none = new Run("GRPO", folder.Path, []);
        var error = await Assert.ThrowsAsync<InvalidDataException>(none.Algorithm.ResumeAsync);
        Assert.Contains("step-000002", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_written_ones_of_a_dead_process_are_no_checkpoints_and_are_cleared_away()
    {
        using var folder = new TemporaryFolder();
        var dead = Path.Combine(folder.Path, ".writing-9-999999999-0123");
        Directory.CreateDirectory(dead);
        await File.WriteAllTextAsync(Path.Combine(dead, "state.json"), "{");
        using var run = new Run("GRPO", folder.Path, []);
        Assert.Equal(0, (await run.Algorithm.ResumeAsync()).Iteration);
        await run.Algorithm.TrainAsync(1);
        Assert.False(Directory.Exists(dead));
    }

    [Fact]
    public async Task What_a_replaced_checkpoint_left_behind_is_cleared_away_and_counts_as_none()
    {
        using var folder = new TemporaryFolder();
        using var run = new Run("GRPO", folder.Path, [], config => config with { SaveEvery = 1, KeepLast = 2 }, _ => 0.5f);
        await run.Algorithm.TrainAsync(2);
        CopyFolder(Path.Combine(folder.Path, "step-000002"), Path.Combine(folder.Path, "step-000002.old")); // killed before it was deleted
        CopyFolder(Path.Combine(folder.Path, "step-000002"), Path.Combine(folder.Path, "step-000009.old")); // killed between the two renames: the only one of its number
        using (var again = new Run("GRPO", folder.Path, []))
        {
            Assert.EndsWith("step-000009.old", (await again.Algorithm.ResumeAsync()).Checkpoint, StringComparison.Ordinal);
        }

        await run.Algorithm.TrainAsync(1);
        Assert.Equal(["step-000001", "step-000003", "step-000009.old"], Names(folder.Path));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"state.json": {"Bytes": 1, "Sha256": ""}}""")]
    [InlineData("null")]
    [InlineData("[]")]
    public async Task A_manifest_that_vouches_for_nothing_is_damage(string manifest)
    {
        using var folder = new TemporaryFolder();
        using (var run = new Run("GRPO", folder.Path, [], config => config with { SaveEvery = 1 }))
        {
            await run.Algorithm.TrainAsync(2);
        }

        await File.WriteAllTextAsync(Path.Combine(folder.Path, "step-000002", "manifest.json"), manifest);
        using var again = new Run("GRPO", folder.Path, []);
        var resumed = await again.Algorithm.ResumeAsync();
        Assert.Equal(1, resumed.Iteration);
        Assert.Contains("step-000002", Assert.Single(resumed.Damaged), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_manifest_may_not_name_what_lies_outside()
    {
        using var folder = new TemporaryFolder();
        using (var run = new Run("GRPO", folder.Path, []))
        {
            await run.Algorithm.TrainAsync(1);
        }

        var manifest = Path.Combine(folder.Path, "step-000001", "manifest.json");
        var text = await File.ReadAllTextAsync(manifest);
        await File.WriteAllTextAsync(manifest, text.Replace("\"state.json\"", "\"../../state.json\"", StringComparison.Ordinal));
        using var again = new Run("GRPO", folder.Path, []);
        Assert.Contains("outside", (await Assert.ThrowsAsync<InvalidDataException>(again.Algorithm.ResumeAsync)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_nothing_can_be_written_training_goes_on_says_so_and_tries_again()
    {
        using var folder = new TemporaryFolder();
        var place = Path.Combine(folder.Path, "checkpoints");
        await File.WriteAllTextAsync(place, "a file is in the way");
        using var run = new Run("GRPO", place, [], config => config with { SaveEvery = 2 });
        var steps = new List<TrainStep>();
        await foreach (var step in run.Algorithm.StepsAsync(4))
        {
            steps.Add(step);
            if (step.Iteration == 2)
            {
                File.Delete(place);
            }
        }

        var alarm = Assert.Single(steps[1].Alarms, a => a.Name == "checkpoint not saved");
        Assert.Contains(place, alarm.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(steps[2].Alarms, a => a.Name == "checkpoint not saved");
        Assert.Equal(["step-000003", "step-000004"], Names(place)); // the missed one is made up for at once
        Assert.Contains(run.Algorithm.History[1].Alarms, a => a.Name == "checkpoint not saved");
    }

    [Fact]
    public async Task What_belongs_to_another_run_is_refused()
    {
        using var folder = new TemporaryFolder();
        using (var run = new Run("GRPO", folder.Path, []))
        {
            await run.Algorithm.TrainAsync(1);
            Assert.Contains("already", (await Assert.ThrowsAsync<InvalidOperationException>(run.Algorithm.ResumeAsync)).Message, StringComparison.Ordinal);
        }

        Assert.Contains("of GRPO, this is PPO", await RefusedAsync(new Run("PPO", folder.Path, [])), StringComparison.Ordinal);
        Assert.Contains("LoRA", await RefusedAsync(new Run("GRPO, LoRA", folder.Path, [])), StringComparison.Ordinal);
        Assert.Contains("other problems", await RefusedAsync(new Run("GRPO", folder.Path, [], problems: [.. Problems.Reverse()])), StringComparison.Ordinal);
        using var none = new Run("GRPO", null, []);
        await Assert.ThrowsAsync<InvalidOperationException>(() => none.Algorithm.SaveCheckpointAsync());

        static async Task<string> RefusedAsync(Run run)
        {
            using (run)
            {
                return (await Assert.ThrowsAsync<InvalidDataException>(run.Algorithm.ResumeAsync)).Message;
            }
        }
    }

    private static IEnumerable<string> Numbers(IEnumerable<TrainStep> steps) => steps.Select(s => string.Join(' ',
        [.. s.Rewards.Concat(s.Advantages).Select(f => $"{BitConverter.SingleToInt32Bits(f)}"), .. ((double[])[s.Update.Loss, s.Update.GradientNorm, s.Update.Entropy, s.Update.Kl,
            s.Update.KlCoefficient, s.Update.ValueLoss, s.Update.LearningRate]).Select(d => $"{BitConverter.DoubleToInt64Bits(d)}")]));

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }

    private static string[] Names(string folder) => [.. Directory.EnumerateDirectories(folder).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    private static void Damage(string path, string how)
    {
        var bytes = File.ReadAllBytes(path);
        switch (how)
        {
            case "flip":
                bytes[^3] ^= 1;
                File.WriteAllBytes(path, bytes);
                break;
            case "cut":
                File.WriteAllBytes(path, bytes[..^3]);
                break;
            default:
                File.Delete(path);
                break;
        }
    }

    /// <summary>A small run of some kind, its trajectories and losses written down.</summary>
    internal sealed class Run : IDisposable
    {
        private readonly BackpropModule backprop;

        public Run(
            string kind, string? checkpoints, List<string> record, Func<AlgorithmConfig, AlgorithmConfig>? change = null, Func<Trajectory, float?>? score = null,
            Action? collected = null, Problem[]? problems = null)
        {
            Inference = TinyModels.FreshModule(1, spread: 0.1);
            if (kind.Contains("LoRA", StringComparison.Ordinal))
            {
                Inference.Model.AddLora(new LoraConfig { Rank = 2 });
            }

            var sampling = new SamplingOptions { MaxNewTokens = 3 };
            BaseEnvironment environment = kind.Contains("several turns", StringComparison.Ordinal)
                ? new SvrlEnvironment(new SimpleTextEnvironment(Inference, problems ?? Problems, maxSteps: 3, sampling), [AIFunctionFactory.Create((string x) => x, "echo")])
                : new SimpleTextEnvironment(Inference, problems ?? Problems, sampling: sampling);
            var value = kind.StartsWith("PPO", StringComparison.Ordinal) ? new ValueConfig { HiddenWidth = 8, SeparateTrunk = kind.Contains("trunk", StringComparison.Ordinal) } : null;
            backprop = new BackpropModule(Inference.Model, new BackpropConfig
            {
                LearningRate = 1e-2, Seed = 3, Value = value, Schedule = new LearningRateSchedule { Peak = 1e-2, Steps = 20, WarmupSteps = 5 },
                Reference = kind.Contains("moving", StringComparison.Ordinal) ? ReferenceMode.MovingAverage(0.9) : null,
            });
            var rollouts = new RolloutManager(environment, new RolloutConfig { GroupSize = 4, Seed = 2 });
            var rewards = new Writing(RewardComputer.From(score ?? (t => t.Turns[0].TokenIds[0] % 2)), record, collected);
            var update = new UpdateConfig { Epochs = 2, MiniBatches = 2, Kl = KlPenalty.InLoss with { Target = 0.01, Horizon = 64 } };
            var config = (kind.Contains("++", StringComparison.Ordinal) ? AlgorithmConfig.ReinforcePlusPlus : new AlgorithmConfig()) with
            {
                BatchSize = 16, CheckpointDirectory = checkpoints,
                DynamicSampling = kind.Contains("dynamic", StringComparison.Ordinal) ? new DynamicSampling { MaxRounds = 3 } : null,
            };
            config = change?.Invoke(config) ?? config;
            Algorithm = kind[..2] switch
            {
                "GR" => new GrpoAlgorithm(environment, rollouts, rewards, backprop, config with { Update = update }),
                "PP" => new PpoAlgorithm(environment, rollouts, rewards, backprop, config with { Update = update with { Kl = update.Kl with { Placement = KlPlacement.Reward } } }),
                _ => new ReinforceAlgorithm(environment, rollouts, rewards, backprop, config),
            };
        }

        public InferenceModule Inference { get; }

        public Algorithm Algorithm { get; }

        public string Weights() => string.Join(',', Inference.Model.TrainableParameters.SelectMany(p => p.Parameter.data<float>().ToArray()).Select(BitConverter.SingleToInt32Bits));

        public void Dispose()
        {
            backprop.Dispose();
            Inference.Dispose();
        }

        private sealed class Writing(IRewardComputer inner, List<string> record, Action? collected) : IRewardComputer
        {
            public Task<RewardBatch> ComputeRewardsAsync(IReadOnlyList<Trajectory> trajectories, IRewardMethod? method, CancellationToken cancellationToken)
            {
                collected?.Invoke();
                record.AddRange(trajectories.Select(t => string.Create(CultureInfo.InvariantCulture, $"{t.Problem.Id} {string.Join(' ', t.Turns.Select(u =>
                    $"{string.Join(',', u.PromptIds)}>{string.Join(',', u.TokenIds)}:{string.Join(',', u.LogProbs.Select(BitConverter.SingleToInt32Bits))}"))}")));
                return inner.ComputeRewardsAsync(trajectories, method, cancellationToken);
            }
        }
    }
}
