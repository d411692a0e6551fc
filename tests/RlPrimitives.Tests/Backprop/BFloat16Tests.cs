using RlPrimitives.Backprop;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

/// <summary>Models computed in bf16 (8 bits of significand: a relative rounding of 0.4 % at every operation) against float32.</summary>
[Collection(nameof(Alone))]
public class BFloat16Tests
{
    private static readonly int[][] Rows = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7], [30, 20, 10, 0, 11]];

    [Theory]
    [InlineData(ModelFamily.Gpt2)]
    [InlineData(ModelFamily.Llama)]
    [InlineData(ModelFamily.Qwen3)]
    [InlineData(ModelFamily.Mistral)]
    public async Task Scoring_decoding_and_the_training_forward_agree_with_float32_and_with_one_another(ModelFamily family)
    {
        using var scope = new Pair(family);
        using HuggingFaceBackend precise = new(scope.Float32, new NumberTokenizer()), coarse = new(scope.BFloat16, new NumberTokenizer());
        Assert.Equal(ScalarType.BFloat16, scope.BFloat16.Type);
        Assert.All(scope.BFloat16.Parameters, p => Assert.Equal(ScalarType.BFloat16, p.Parameter.dtype));
        var expected = await Scored(precise);
        var scored = await Scored(coarse);
        Assert.InRange(LoraTests.Difference(expected, scored), 1e-6, 0.15);
        Assert.True(LoraTests.Difference(scored, LoraTests.TrainingLogProbs(scope.BFloat16, Rows)) < 0.15);

        // What was sampled and what is scored are the same distribution but for rounding.
        var generated = await coarse.GenerateAsync(Rows.Select((r, i) =>
            new GenerationRequest(r, new SamplingOptions { Temperature = 1, MaxNewTokens = 8, StopTokenIds = [] }, RandomStream.For(1, (ulong)i, 0))).ToArray());
        var again = await coarse.GetLogProbsAsync(Rows, generated.Select(g => g.TokenIds).ToArray(), new SamplingOptions());
        Assert.True(LoraTests.Difference(generated.Select(g => g.LogProbs).ToArray(), again) < 0.15);

        static Task<float[][]> Scored(HuggingFaceBackend backend) =>
            backend.GetLogProbsAsync(Rows.Select(r => r[..1]).ToArray(), Rows.Select(r => r[1..]).ToArray(), new SamplingOptions());
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2, false)]
    [InlineData(ModelFamily.Llama, false)]
    [InlineData(ModelFamily.Llama, true)]
    public void Training_in_bf16_follows_the_float32_run(ModelFamily family, bool lora)
    {
        using var pair = new Pair(family);
        if (lora)
        {
            pair.Float32.AddLora(seed: 1);
            pair.BFloat16.AddLora(seed: 1);
            Assert.All(pair.BFloat16.TrainableParameters, p => Assert.Equal(ScalarType.Float32, p.Parameter.dtype));
        }

        var precise = Losses(pair.Float32, 40, 1e-3);
        var coarse = Losses(pair.BFloat16, 40, 1e-3);
        Assert.True(precise[^1] < precise[0] - 0.5, $"{precise[0]} → {precise[^1]}");
        for (var i = 0; i < precise.Length; i++)
        {
            Assert.Equal(precise[i], coarse[i], 0.02 * precise[0]); // 2 % of the first loss, at every step
        }
    }

    [Fact]
    public void At_a_learning_rate_that_pure_bf16_rounds_away_the_loss_falls_as_in_float32()
    {
        using var pair = new Pair(ModelFamily.Llama);
        using var pure = pair.BFloat16.Clone();
        foreach (var (_, parameter) in pure.Parameters)
        {
            parameter.requires_grad_(true);
        }

        double Fell(CausalLM model, bool roundMasters = false)
        {
            var losses = Losses(model, 60, 2e-5, roundMasters);
            return losses[0] - losses[^1];
        }

        var precise = Fell(pair.Float32);
        Assert.InRange(Fell(pair.BFloat16), 0.7 * precise, 1.3 * precise);
        Assert.InRange(Fell(pure, roundMasters: true), double.NegativeInfinity, 0.5 * precise); // the failure itself
    }

    [Theory]
    [InlineData(ModelFamily.Gpt2)]
    [InlineData(ModelFamily.Llama)]
    public async Task An_adapter_too_small_for_bf16_weights_is_sampled_from_as_it_is_trained(ModelFamily family)
    {
        using var pair = new Pair(family);
        var model = pair.BFloat16;
        model.AddLora(new LoraConfig { Rank = 2, Alpha = 2 }, seed: 1);
        var plain = LoraTests.TrainingLogProbs(model, Rows);
        using (no_grad())
        {
            foreach (var (name, parameter) in model.TrainableParameters.Where(p => p.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)))
            {
                parameter.fill_(2e-3f);
            }
        }

        model.MarkChanged();
        using var backend = new HuggingFaceBackend(model, new NumberTokenizer());
        var scored = await backend.GetLogProbsAsync(Rows.Select(r => r[..1]).ToArray(), Rows.Select(r => r[1..]).ToArray(), new SamplingOptions());
        var trained = LoraTests.TrainingLogProbs(model, Rows);
        Assert.True(LoraTests.Difference(plain, trained) > 0.01);
        Assert.True(LoraTests.Difference(scored, trained) < 1e-3, $"{LoraTests.Difference(scored, trained)} of {LoraTests.Difference(plain, trained)}");
    }

    [Fact]
    public void Optimizing_bf16_leaves_no_tensor_behind()
    {
        using var pair = new Pair(ModelFamily.Llama);
        Losses(pair.BFloat16, 2, 1e-3);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 10; i++)
        {
            Losses(pair.BFloat16, 3, 1e-3);
        }

        Assert.True(Tensor.TotalCount <= before, $"{before} → {Tensor.TotalCount} live tensors");
    }

    [Fact]
    public void A_saved_bf16_model_holds_its_weights_exactly()
    {
        using var folder = new TemporaryFolder();
        using var pair = new Pair(ModelFamily.Llama);
        pair.BFloat16.Save(folder.Path);
        using var loaded = CausalLM.FromPretrained(folder.Path, type: ScalarType.BFloat16);
        foreach (var (a, b) in pair.BFloat16.Parameters.Zip(loaded.Parameters))
        {
            Assert.Equal(LoraTests.Values(a.Parameter), LoraTests.Values(b.Parameter));
        }
    }

    [Fact]
    public void The_head_gradient_of_bf16_is_summed_over_chunks_in_float32()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(1);
        Tensor hidden = randn(600, 8).to(bfloat16), head = randn(16, 8).to(bfloat16).requires_grad_(true), targets = randint(0, 16, 600, dtype: int64);
        Tensor GradientOf(long logitsAtOnce)
        {
            head.grad = null;
            TokenLogProbs.Compute(hidden, head, targets, withEntropy: false, logitsAtOnce: logitsAtOnce)[0].sum().backward();
            return head.grad!.to(float32);
        }

        var whole = GradientOf(1 << 20);
        var chunked = GradientOf(16); // one place at a time
        Assert.True((whole - chunked).abs().max().item<float>() < 0.01 * whole.abs().max().item<float>());
    }

    private static double[] Losses(CausalLM model, int steps, double learningRate, bool roundMasters = false)
    {
        using var optimizer = new AdamW([new ParameterGroup(model.TrainableParameters)]);
        var losses = new double[steps];
        for (var i = 0; i < steps; i++)
        {
            using var scope = NewDisposeScope();
            foreach (var row in Rows) // as micro-batches
            {
                var loss = LoraTests.Loss(model, [row]) / Rows.Length;
                loss.backward();
                optimizer.CollectGradients();
                losses[i] += loss.item<float>();
            }

            optimizer.ClipGradients(1);
            optimizer.Step(learningRate);
            optimizer.ClearGradients();
            model.MarkChanged();
            foreach (var (name, tensor) in roundMasters ? optimizer.StateTensors() : [])
            {
                if (name.EndsWith(".master", StringComparison.Ordinal))
                {
                    tensor.copy_(tensor.to(bfloat16));
                }
            }
        }

        return losses;
    }

    /// <summary>The same model twice; float32 starts from weights that bf16 can hold.</summary>
    private sealed class Pair : IDisposable
    {
        public Pair(ModelFamily family)
        {
            using var folder = new TemporaryFolder();
            using (var fresh = CausalLM.Create(LoraTests.Config(family) with { StorageType = ScalarType.BFloat16, SlidingWindow = family == ModelFamily.Mistral ? 4 : null }, 1))
            {
                fresh.Save(folder.Path);
            }

            Float32 = CausalLM.FromPretrained(folder.Path);
            BFloat16 = CausalLM.FromPretrained(folder.Path, type: ScalarType.BFloat16);
        }

        public CausalLM Float32 { get; }

        public CausalLM BFloat16 { get; }

        public void Dispose()
        {
            Float32.Dispose();
            BFloat16.Dispose();
        }
    }
}
