using RlPrimitives.Backprop;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class LoraTests
{
    private static readonly int[][] Rows = [[1, 2, 3, 4, 5], [9, 8, 7], [30, 20, 10, 0]];

    [Fact]
    public void A_fresh_adapter_changes_no_logit_and_only_it_requires_gradients()
    {
        using var model = TinyModels.Fresh();
        var before = Logits(model);
        model.AddLora(new LoraConfig { Rank = 4, Alpha = 8, TargetModules = ["q_proj", "v_proj"] }, seed: 3);
        Assert.Equal(before, Logits(model));
        Assert.All(model.Parameters, p => Assert.False(p.Parameter.requires_grad, p.Name));
        Assert.All(model.TrainableParameters, p => Assert.True(p.Parameter.requires_grad, p.Name));
        Assert.Equal(
            [.. from l in new[] { 0, 1 } from p in new[] { "q_proj", "v_proj" } from m in new[] { "A", "B" } select $"model.layers.{l}.self_attn.{p}.lora_{m}.weight"],
            model.TrainableParameters.Select(p => p.Name));
        Assert.Equal([4, 32], model.TrainableParameters[0].Parameter.shape);
        Assert.Equal([16, 4], model.TrainableParameters[3].Parameter.shape);
    }

    [Fact]
    public void A_is_uniform_within_one_over_the_root_of_its_inputs_and_follows_the_seed()
    {
        using CausalLM one = TinyModels.Fresh(), two = TinyModels.Fresh(), other = TinyModels.Fresh();
        one.AddLora(seed: 5);
        two.AddLora(seed: 5);
        other.AddLora(seed: 6);
        float[] A(CausalLM m) => [.. m.TrainableParameters.Where(p => p.Name.Contains("q_proj.lora_A", StringComparison.Ordinal)).SelectMany(p => Values(p.Parameter))];
        var bound = 1 / Math.Sqrt(32);
        Assert.InRange(A(one).Max(), 0.9 * bound, bound);
        Assert.InRange(A(one).Min(), -bound, -0.9 * bound);
        Assert.Equal(A(one), A(two));
        Assert.NotEqual(A(one), A(other));
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2, 4)]
    [InlineData(ModelFamily.Llama, 7)]
    public void Without_targets_every_linear_layer_but_the_head_is_adapted(ModelFamily family, int perLayer)
    {
        using var model = CausalLM.Create(Config(family), seed: 1);
        model.AddLora();
        Assert.Equal(2 * perLayer, model.TrainableParameters.Count(p => p.Name.EndsWith("lora_A.weight", StringComparison.Ordinal)));
        Assert.DoesNotContain(model.TrainableParameters, p => p.Name.Contains("lm_head", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2, false)]
    [InlineData(ModelFamily.Gpt2, true)]
    [InlineData(ModelFamily.Llama, false)]
    [InlineData(ModelFamily.Llama, true)]
    public async Task Training_forward_padded_forward_scoring_and_decoding_all_see_the_adapter(ModelFamily family, bool manyTokens)
    {
        // With 64 tokens and more another kernel computes the frozen part.
        var rows = manyTokens ? Rows.Concat(Enumerable.Range(0, 3).Select(r => Enumerable.Range(r, 30).ToArray())).ToArray() : Rows;
        using var model = CausalLM.Create(Config(family), seed: 1);
        using var backend = new HuggingFaceBackend(model, new NumberTokenizer());
        Task<float[][]> Scored() => backend.GetLogProbsAsync(rows.Select(r => r[..1]).ToArray(), rows.Select(r => r[1..]).ToArray(), new SamplingOptions());
        async Task<int[]> Greedy() => (await backend.GenerateAsync([new GenerationRequest(rows[0], new SamplingOptions { Temperature = 0, MaxNewTokens = 12 }, default)]))[0].TokenIds;
        var plain = await Scored();
        var greedyBefore = await Greedy();

        model.AddLora(new LoraConfig { Rank = 3, Alpha = 9 }, seed: 2);
        Disturb(model);
        var adapted = await Scored();
        var greedyAdapted = await Greedy();
        Assert.NotEqual(greedyBefore, greedyAdapted);
        Assert.True(Difference(plain, adapted) > 0.1);
        Assert.True(Difference(TrainingLogProbs(model, rows), adapted) < 1e-4);
        Assert.True(Difference(PaddedLogProbs(model, rows), adapted) < 1e-4);

        // Merged into the weights, all is the same; and removed, all is as before.
        using var merged = model.Clone();
        merged.MergeLora();
        Assert.Null(merged.Lora);
        Assert.True(Difference(TrainingLogProbs(merged, rows), adapted) < 1e-4);
        using var mergedBackend = new HuggingFaceBackend(merged, new NumberTokenizer());
        Assert.Equal(greedyAdapted, (await mergedBackend.GenerateAsync([new GenerationRequest(rows[0], new SamplingOptions { Temperature = 0, MaxNewTokens = 12 }, default)]))[0].TokenIds);
        model.RemoveLora();
        Assert.Equal(plain.SelectMany(p => p), (await Scored()).SelectMany(p => p));
        Assert.Equal(greedyBefore, await Greedy());
    }

    [Fact]
    public async Task Decoding_follows_each_change_of_the_adapter()
    {
        using var model = TinyModels.Fresh();
        using var backend = new HuggingFaceBackend(model, new NumberTokenizer());
        model.AddLora(seed: 2);
        var seen = new HashSet<float>();
        for (var i = 0; i < 3; i++)
        {
            Disturb(model, seed: i);
            var scored = await backend.GetLogProbsAsync([[1]], [[2, 3, 4]], new SamplingOptions());
            Assert.True(Difference(TrainingLogProbs(model, [[1, 2, 3, 4]]), scored) < 1e-4);
            Assert.True(seen.Add(scored[0][0]));
        }
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2)]
    [InlineData(ModelFamily.Llama)]
    public void Without_adapters_the_model_is_what_they_were_put_beside_in_training_and_in_inference(ModelFamily family)
    {
        using var model = CausalLM.Create(Config(family), seed: 1);
        var plain = Logits(model);
        var plainFused = FusedLogits(model);
        model.AddLora(seed: 2);
        Disturb(model);
        var adapted = Logits(model);
        var adaptedFused = FusedLogits(model);
        Assert.NotEqual(plain, adapted);
        Assert.Equal(plain, model.RunWithoutLora(() => Logits(model)));
        Assert.Equal(plainFused, model.RunWithoutLora(() => model.RunWithoutLora(() => FusedLogits(model))));
        Assert.Equal(adapted, Logits(model));
        Assert.Equal(adaptedFused, FusedLogits(model));
    }

    [Fact]
    public void Adapters_come_back_after_a_failure_and_are_off_for_one_thread_only()
    {
        using var model = TinyModels.Fresh();
        var plain = Logits(model);
        model.AddLora(seed: 2);
        Disturb(model);
        var adapted = Logits(model);
        Assert.Throws<TimeoutException>(() => model.RunWithoutLora<int>(() => throw new TimeoutException()));
        Assert.Equal(adapted, Logits(model));
        model.RunWithoutLora(() =>
        {
            Assert.Equal(adapted, TensorThread.RunOnce(() => Logits(model)));
            Assert.Equal(plain, Logits(model));
            return 0;
        });
        Action asynchronous = () => model.RunWithoutLora(() => Task.FromResult(1));
        var e = Assert.Throws<ArgumentException>(asynchronous);
        Assert.Contains("await", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gradients_of_A_and_B_are_those_of_the_merged_weight_by_the_chain_rule_and_the_base_has_none()
    {
        using var scope = NewDisposeScope();
        using var model = CausalLM.Create(Config(ModelFamily.Llama), seed: 1);
        model.AddLora(new LoraConfig { Rank = 3, Alpha = 9, TargetModules = ["model.layers.0.mlp.up_proj"] }, seed: 2);
        Disturb(model);
        using var merged = model.Clone();
        merged.MergeLora();
        foreach (var (_, p) in merged.Parameters)
        {
            p.requires_grad_(true);
        }

        Loss(model, Rows).backward();
        Loss(merged, Rows).backward();
        var g = merged.Parameters.Single(p => p.Name == "model.layers.0.mlp.up_proj.weight").Parameter.grad!;  // [out, in]
        var (a, b) = (model.TrainableParameters[0].Parameter, model.TrainableParameters[1].Parameter);
        Assert.True((a.grad! - b.t().mm(g).mul(3)).abs().max().item<float>() < 1e-6);
        Assert.True((b.grad! - g.mm(a.t()).mul(3)).abs().max().item<float>() < 1e-6);
        Assert.All(model.Parameters, p => Assert.Null(p.Parameter.grad));
    }

    [Fact]
    public void Training_moves_the_adapters_alone_and_lowers_the_loss()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModels.Fresh();
        var before = model.Parameters.Select(p => Values(p.Parameter)).ToArray();
        model.AddLora(new LoraConfig { Rank = 4, Alpha = 8, RankStabilized = true }, seed: 2);
        using var optimizer = new AdamW(model.TrainableParameters.Select(p => p.Parameter).ToArray());
        var losses = new List<float>();
        for (var i = 0; i < 30; i++)
        {
            using var step = NewDisposeScope();
            var loss = Loss(model, Rows);
            loss.backward();
            losses.Add(loss.item<float>());
            optimizer.Step(1e-2);
            optimizer.ClearGradients();
            model.MarkChanged();
        }

        Assert.True(losses[^1] < 0.5 * losses[0], $"{losses[0]} → {losses[^1]}");
        Assert.Equal(before.SelectMany(v => v), model.Parameters.SelectMany(p => Values(p.Parameter)));
    }

    [Fact]
    public void A_clone_has_adapters_of_its_own_and_trains_nothing()
    {
        using var model = TinyModels.Fresh();
        model.AddLora(new LoraConfig { Rank = 2 }, seed: 2);
        Disturb(model);
        var adapted = Logits(model);
        using var copy = model.Clone();
        Assert.Equal(model.Lora, copy.Lora);
        Disturb(model, seed: 9);
        Assert.NotEqual(adapted, Logits(model));
        Assert.Equal(adapted, Logits(copy));
        Assert.All(copy.Parameters.Concat(copy.TrainableParameters), p => Assert.False(p.Parameter.requires_grad, p.Name));
        copy.MergeLora();
        Assert.All(copy.Parameters, p => Assert.False(p.Parameter.requires_grad, p.Name));
    }

    [Fact]
    public void After_merging_or_removing_all_weights_train_again()
    {
        foreach (var end in new Action<CausalLM>[] { m => m.MergeLora(), m => m.RemoveLora() })
        {
            using var model = TinyModels.Fresh();
            model.AddLora();
            var version = model.Version;
            end(model);
            Assert.True(model.Version > version);
            Assert.Null(model.Lora);
            Assert.Same(model.Parameters, model.TrainableParameters);
            Assert.All(model.Parameters, p => Assert.True(p.Parameter.requires_grad, p.Name));
            model.AddLora();
        }
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2)]
    [InlineData(ModelFamily.Llama)]
    public void A_saved_model_holds_the_adapters_merged_and_the_model_in_memory_keeps_them(ModelFamily family)
    {
        using var folder = new TemporaryFolder();
        using var model = CausalLM.Create(Config(family), seed: 1);
        model.AddLora(seed: 2);
        Disturb(model);
        var adapted = Logits(model);
        model.Save(folder.Path);
        Assert.NotNull(model.Lora);
        Assert.Equal(adapted, Logits(model));
        using var loaded = CausalLM.FromPretrained(folder.Path);
        Assert.Null(loaded.Lora);
        Assert.True(Difference([adapted], [Logits(loaded)]) < 1e-4);
    }

    [Fact]
    public void The_scale_is_alpha_over_rank_or_over_its_root()
    {
        Assert.Equal(0.5, new LoraConfig { Rank = 16, Alpha = 8 }.Scale);
        Assert.Equal(2, new LoraConfig { Rank = 16, Alpha = 8, RankStabilized = true }.Scale);
    }

    [Fact]
    public void Bad_settings_are_refused_with_the_remedy()
    {
        Assert.Contains("at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => new LoraConfig { Rank = 0 }).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new LoraConfig { Alpha = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new LoraConfig { Alpha = double.NaN });
        Assert.Throws<ArgumentException>(() => new LoraConfig { TargetModules = [" "] });
        Assert.Throws<ArgumentException>(() => new LoraConfig { TargetModules = default });

        using var model = TinyModels.Fresh();
        var unknown = Assert.Throws<ArgumentException>(() => model.AddLora(new LoraConfig { TargetModules = ["q_proj", "c_attn"] }));
        Assert.Contains("'c_attn'", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj", unknown.Message, StringComparison.Ordinal);
        Assert.Contains("head cannot", Assert.Throws<ArgumentException>(() => model.AddLora(new LoraConfig { TargetModules = ["lm_head"] })).Message, StringComparison.Ordinal);
        Assert.Null(model.Lora);
        Assert.All(model.Parameters, p => Assert.True(p.Parameter.requires_grad));

        Assert.Contains("no adapters", Assert.Throws<InvalidOperationException>(model.MergeLora).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(model.RemoveLora);
        Assert.Throws<InvalidOperationException>(() => model.SaveLora("nowhere"));
        Assert.Equal(7, model.RunWithoutLora(() => 7));
        model.AddLora();
        Assert.Contains(nameof(CausalLM.MergeLora), Assert.Throws<InvalidOperationException>(() => model.AddLora()).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => model.LoadLora("nowhere"));
    }

    internal static ModelConfig Config(ModelFamily family) => new()
    {
        Family = family, VocabularySize = 64, Width = 32, Layers = 2, Heads = 4, KeyValueHeads = family == ModelFamily.Gpt2 ? 4 : 2, HeadDimension = 8,
        FeedForwardWidth = 48, ContextLength = 64, InitializerRange = 0.2, QueryKeyValueBias = family is ModelFamily.Gpt2 or ModelFamily.Qwen2,
        AttentionOutputBias = family == ModelFamily.Gpt2, FeedForwardBias = family == ModelFamily.Gpt2,
    };

    /// <summary>Gives every B values, as training would.</summary>
    internal static void Disturb(CausalLM model, long seed = 1)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var generator = new Generator((ulong)seed, CPU);
        foreach (var (name, parameter) in model.TrainableParameters)
        {
            if (name.EndsWith("lora_B.weight", StringComparison.Ordinal))
            {
                parameter.copy_(randn(parameter.shape, generator: generator).mul_(0.1));
            }
        }

        model.MarkChanged();
    }

    internal static float[] Values(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to(float32).contiguous().data<float>().ToArray();
    }

    internal static double Difference(float[][] a, float[][] b) => a.SelectMany(r => r).Zip(b.SelectMany(r => r)).Max(p => Math.Abs(p.First - (double)p.Second));

    /// <summary>Mean cross-entropy of the rows' tokens from the second on.</summary>
    internal static Tensor Loss(CausalLM model, int[][] rows) => LogProbs(model, rows).mean().neg();

    internal static float[][] TrainingLogProbs(CausalLM model, int[][] rows)
    {
        using var scope = NewDisposeScope();
        return Split(Values(LogProbs(model, rows)), rows);
    }

    private static Tensor LogProbs(CausalLM model, int[][] rows)
    {
        using var tokens = model.Pack(rows.Select(r => r[..^1]).ToArray());
        var targets = tensor(rows.SelectMany(r => r[1..]).Select(i => (long)i).ToArray());
        return TokenLogProbs.Compute(model.Hidden(tokens), model.HeadWeight, targets, withEntropy: false)[0];
    }

    private static float[][] PaddedLogProbs(CausalLM model, int[][] rows)
    {
        using var scope = NewDisposeScope();
        var longest = rows.Max(r => r.Length);
        long[] Flat(Func<int[], int, long> at) => [.. rows.SelectMany(r => Enumerable.Range(0, longest).Select(t => at(r, t - (longest - r.Length))))];
        var ids = tensor(Flat((r, t) => t < 0 ? 0 : r[t])).view(rows.Length, longest); // padded on the left
        var mask = tensor(Flat((r, t) => t < 0 ? 0 : 1)).view(rows.Length, longest);
        var logProbs = model.Forward(ids, mask).log_softmax(-1);
        return [.. rows.Select((r, b) => Enumerable.Range(1, r.Length - 1)
            .Select(t => logProbs[b, longest - r.Length + t - 1, r[t]].item<float>()).ToArray())];
    }

    private static float[][] Split(float[] values, int[][] rows)
    {
        var at = 0;
        return [.. rows.Select(r => values[at..(at += r.Length - 1)])];
    }

    private static float[] Logits(CausalLM model)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var tokens = model.Pack(Rows);
        return Values(model.Logits(model.Hidden(tokens)));
    }

    private static float[] FusedLogits(CausalLM model)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var tokens = model.Pack(Rows);
        using var attention = new RlPrimitives.Models.Attention.PackedAttention(model.Config, tokens);
        return Values(model.LogitsForInference(model.HiddenForInference(tokens, attention)));
    }
}
