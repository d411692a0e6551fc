using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models;
using RlPrimitives.Rollouts;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

public class BackpropModuleTests
{
    private static readonly BackpropConfig Config = new() { LearningRate = 1e-2, MaxGradientNorm = double.PositiveInfinity };

    public static TheoryData<LossAverage> EveryAverage => [LossAverage.Token, LossAverage.Sequence, LossAverage.SequenceSum, LossAverage.Constant(20)];

    [Theory]
    [MemberData(nameof(EveryAverage), DisableDiscoveryEnumeration = true)]
    public async Task Accumulation_packing_and_order_give_the_parameters_of_one_big_batch(LossAverage average)
    {
        var rows = await SampledRowsAsync(9);
        float[]? expected = null;
        UpdateStatistics? first = null;
        foreach (var (tokens, order) in new[] { (1 << 20, rows), (1, rows), (30, rows), (30, [.. rows.Reverse()]), (64, [.. rows.Skip(4), .. rows.Take(4)]) })
        {
            using var model = TinyModels.Fresh();
            // A large epsilon keeps AdamW from turning rounding noise of tiny gradients into whole steps.
            using var module = new BackpropModule(model, Config with { LearningRate = 1e-3, MicroBatchTokens = tokens, Optimizer = new AdamWOptions(Epsilon: 1e-3) });
            var statistics = await module.UpdateAsync(order, new UpdateConfig { Average = average });
            var got = Values(model);
            (expected, first) = (expected ?? got, first ?? statistics);
            Assert.Equal(first.Loss, statistics.Loss, 1e-5);
            Assert.Equal(first.Entropy, statistics.Entropy, 1e-5);
            Assert.Equal(1, statistics.GradientNorm / first.GradientNorm, 1e-4);
            Assert.Equal(rows.Sum(r => r.Trained.Length), statistics.Tokens);
            Assert.True(expected.Zip(got).Max(p => Math.Abs(p.First - p.Second)) < 1e-6, $"{tokens}: {expected.Zip(got).Max(p => Math.Abs(p.First - p.Second))}");
        }
    }

    [Fact]
    public async Task Only_sampled_tokens_carry_gradient()
    {
        // The update of a row with an observation in the middle equals, term for term, that of its trained places by plain autograd …
        var row = new TrainingRow([5, 6, 7, 8, 9, 10, 11, 12], [2, 3, 6, 7], [-5, -5, -5, -5], [1, -2, 0.5f, 3]);
        using var model = TinyModels.Fresh();
        using (NewDisposeScope())
        {
            using var tokens = model.Pack([row.Ids]);
            var logProbs = model.Logits(model.Hidden(tokens)).log_softmax(1);
            var loss = zeros([]);
            for (var i = 0; i < row.Trained.Length; i++)
            {
                var logProb = logProbs[row.Trained[i] - 1, row.Ids[row.Trained[i]]];
                loss = loss + PolicyLoss.Clipped(logProb.view(1), tensor([row.OldLogProbs[i]]), tensor([row.Advantages[i]]))[0] / 4;
            }

            loss.backward();
        }

        var expected = Gradients(model);
        using var module = new BackpropModule(model, Config);
        var before = Values(model);
        var statistics = await module.UpdateAsync([row]);
        Assert.Equal(Math.Sqrt(expected.Sum(g => (double)g * g)), statistics.GradientNorm, 1e-4);

        // … and where no trained place has an advantage, there is none at all, whatever the observation says.
        using var still = TinyModels.Fresh();
        using var stillModule = new BackpropModule(still, Config);
        Assert.Equal(0, (await stillModule.UpdateAsync([row with { Advantages = new float[4] }])).GradientNorm);
        Assert.Equal(before, Values(still));
    }

    [Fact]
    public async Task The_head_gets_no_gradient_from_an_observation_token()
    {
        // Untied GPT-2 head: the gradient of an id's row is Σ (p − onehot) over trained places only.
        var (with, without) = (await NormAsync([3, 4, 5, 200, 7]), await NormAsync([3, 4, 5, 100, 7]));
        Assert.True(with > 0);
        Assert.Equal(with, without); // the id at the untrained last place is never looked at

        async Task<double> NormAsync(int[] ids)
        {
            using var model = TinyModels.Fresh();
            using var module = new BackpropModule(model, Config);
            return (await module.UpdateAsync([new TrainingRow(ids, [1, 2], [-5, -5], [1, 1])])).GradientNorm;
        }
    }

    [Fact]
    public async Task Kl_to_the_frozen_reference_starts_at_zero_grows_and_pulls_back()
    {
        var rows = await SampledRowsAsync(6);
        using var model = TinyModels.Fresh();
        var start = Values(model);
        var update = new UpdateConfig { Kl = new KlPenalty { Coefficient = 1 } };
        using var module = new BackpropModule(model, Config);
        Assert.Equal(0, (await module.UpdateAsync(rows, update)).Kl, 1e-6);
        var moved = await module.UpdateAsync([.. rows.Select(r => r with { Advantages = new float[r.Advantages.Length] })], update);
        Assert.True(moved.Kl > 1e-4, $"{moved.Kl}");
        Assert.True(moved.GradientNorm > 0);
        var last = moved.Kl;
        for (var i = 0; i < 40; i++)
        {
            last = (await module.UpdateAsync([.. rows.Select(r => r with { Advantages = new float[r.Advantages.Length] })], update)).Kl;
        }

        Assert.True(last < moved.Kl / 10, $"{moved.Kl} → {last}");
        Assert.NotEqual(start, Values(model));
    }

    [Fact]
    public async Task Gradients_are_clipped_to_the_norm_and_the_norm_before_is_reported()
    {
        var rows = await SampledRowsAsync(4);
        using var free = TinyModels.Fresh();
        using var clipped = TinyModels.Fresh();
        // With β = 0 and ε ≫ |g| a step is lr·g/ε: linear in the gradient.
        var linear = Config with { LearningRate = 1e3, Optimizer = new AdamWOptions(0, 0, 1e6) };
        var start = Values(free);
        using var one = new BackpropModule(free, linear);
        using var two = new BackpropModule(clipped, linear with { MaxGradientNorm = 0.01 });
        var norm = (await one.UpdateAsync(rows)).GradientNorm;
        Assert.Equal(norm, (await two.UpdateAsync(rows)).GradientNorm);
        Assert.True(norm > 0.1);
        Assert.Equal(norm, Distance(free), 0.02 * norm);
        Assert.Equal(0.01, Distance(clipped), 5e-4);

        double Distance(CausalLM model) => 1e3 * Math.Sqrt(Values(model).Zip(start).Sum(p => Math.Pow((double)p.First - p.Second, 2)));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public async Task An_advantage_that_is_not_finite_is_refused_and_the_model_stays_bit_for_bit(float bad)
    {
        var rows = await SampledRowsAsync(5);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { MicroBatchTokens = 20 });
        var before = Values(model);
        var broken = rows.Select((r, i) => i == 3 ? r with { Advantages = [.. r.Advantages[..^1], bad] } : r).ToArray();
        var error = await Assert.ThrowsAsync<NonFiniteUpdateException>(() => module.UpdateAsync(broken, new UpdateConfig { Kl = KlPenalty.InLoss }));
        Assert.Equal([3], error.Rows);
        var saved = await File.ReadAllLinesAsync(error.File!);
        File.Delete(error.File!);
        Assert.Equal(5, saved.Length);
        Assert.Contains(saved, l => l.Contains("\"Index\":3,\"AtFault\":true", StringComparison.Ordinal));
        Assert.Equal(4, saved.Count(l => l.Contains("\"AtFault\":false", StringComparison.Ordinal)));
        Assert.False(double.IsFinite(error.Loss) && double.IsFinite(error.GradientNorm));
        Assert.Equal(before.Select(BitConverter.SingleToInt32Bits), Values(model).Select(BitConverter.SingleToInt32Bits));
        Assert.All(model.Parameters, p => Assert.Null(p.Parameter.grad));
        Assert.True(double.IsFinite((await module.UpdateAsync(rows)).Loss)); // and it can go on
    }

    [Fact]
    public async Task Epochs_and_mini_batches_are_that_many_optimizer_steps_and_the_ratio_moves()
    {
        var rows = await SampledRowsAsync(8);
        var once = await UpdateAsync(UpdateConfig.Grpo);
        Assert.Equal((1, 1.0, 0.0), (once.OptimizerSteps, Math.Round(once.RatioMean, 4), once.ClipLow + once.ClipHigh));
        Assert.True(once.SamplerDifference < 1e-4, $"{once.SamplerDifference}");
        var twice = await UpdateAsync(UpdateConfig.Grpo with { Epochs = 2 });
        Assert.Equal(2, twice.OptimizerSteps);
        Assert.True(Math.Abs(twice.RatioMean - 1) > 1e-4);
        Assert.True(twice.SamplerDifference < 1e-4, "of the first step only");
        var many = await UpdateAsync(new UpdateConfig { Epochs = 3, MiniBatches = 4, Loss = new ClippedLoss(new ClipRange { Low = 0.01, High = 0.01 }) });
        Assert.Equal(12, many.OptimizerSteps);
        Assert.True(many.ClipLow > 0 && many.ClipHigh > 0 && many.ClipLow + many.ClipHigh <= 1);
        Assert.Equal(24, (await UpdateAsync(UpdateConfig.Grpo with { Epochs = 3, MiniBatches = 99 })).OptimizerSteps); // never an empty one
        Assert.Equal(1, (await UpdateAsync(UpdateConfig.Reinforce)).OptimizerSteps);
        foreach (var several in new[] { UpdateConfig.Reinforce with { Epochs = 2 }, UpdateConfig.Reinforce with { MiniBatches = 2 } })
        {
            Assert.Contains("no ratio", (await Assert.ThrowsAsync<ArgumentException>(() => UpdateAsync(several))).Message, StringComparison.Ordinal);
        }

        async Task<UpdateStatistics> UpdateAsync(UpdateConfig update)
        {
            using var model = TinyModels.Fresh();
            using var module = new BackpropModule(model, Config);
            return await module.UpdateAsync(rows, update);
        }
    }

    [Fact]
    public async Task Cancelling_ends_between_two_steps_and_the_model_stays_usable()
    {
        var rows = await SampledRowsAsync(4);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        var before = Values(model);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => module.UpdateAsync(rows, cancellationToken: cancelled.Token));
        Assert.Equal(before, Values(model));
        Assert.Equal(1, (await module.UpdateAsync(rows)).OptimizerSteps);
    }

    [Fact]
    public async Task Log_probs_are_those_of_inference_at_the_rows_temperature_also_after_an_update()
    {
        using var inference = TinyModels.FreshModule();
        var rows = await SampledRowsAsync(7, temperature: 0.7f);
        using var module = new BackpropModule(inference.Model, Config with { MicroBatchTokens = 25 });
        for (var round = 0; round < 2; round++)
        {
            var computed = await module.ComputeLogProbsAsync(rows);
            for (var i = 0; i < rows.Length; i++)
            {
                var prompt = rows[i].Trained[0];
                var scored = await inference.GetLogProbsAsync([rows[i].Ids[..prompt]], [rows[i].Ids[prompt..]], new SamplingOptions { Temperature = 0.7f });
                Assert.All(scored[0].Zip(computed[i]), p => Assert.Equal(p.First, p.Second, 1e-4));
                if (round == 0)
                {
                    Assert.All(rows[i].OldLogProbs.Zip(computed[i]), p => Assert.Equal(p.First, p.Second, 1e-4));
                }
            }

            await module.UpdateAsync(rows);
        }
    }

    [Fact]
    public async Task Rows_that_make_no_sense_are_refused()
    {
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config);
        var row = new TrainingRow([1, 2, 3], [1, 2], [0, 0], [0, 0]);
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row, row with { Trained = [] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Trained = [0, 1] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Trained = [2, 3] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Trained = [2, 2] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([new TrainingRow([1, 2, 3], [1, 99, 2], new float[3], new float[3])]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Advantages = [1] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Temperature = 0 }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([row with { Ids = [1, 999, 3] }]));
        await Assert.ThrowsAsync<ArgumentException>(() => module.ComputeLogProbsAsync([row with { Ids = new int[200] }]));
        Assert.Equal(1, (await module.UpdateAsync([row])).OptimizerSteps);
    }

    [Fact]
    public async Task Adapters_that_come_or_go_later_are_refused_and_not_left_untrained()
    {
        var rows = await SampledRowsAsync(2);
        using var model = TinyModels.Fresh();
        using var whole = new BackpropModule(model, Config);
        await whole.UpdateAsync(rows);
        model.AddLora();
        Assert.Contains("make a new BackpropModule", (await Assert.ThrowsAsync<InvalidOperationException>(() => whole.UpdateAsync(rows))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => whole.UpdateSupervisedAsync(rows));
        await Assert.ThrowsAsync<InvalidOperationException>(() => whole.SaveAsync("nowhere"));
        using var adapted = new BackpropModule(model, Config);
        Assert.True((await adapted.UpdateAsync(rows)).GradientNorm > 0);
        model.MergeLora();
        await Assert.ThrowsAsync<InvalidOperationException>(() => adapted.UpdateAsync(rows));
        Assert.True((await whole.UpdateAsync(rows)).GradientNorm > 0); // its parameters are trained again
    }

    [Fact]
    public void Disposing_twice_is_nothing_new()
    {
        using var model = TinyModels.Fresh();
        var module = new BackpropModule(model, Config);
        module.Dispose();
        module.Dispose();
    }

    [Fact]
    public void A_conversation_is_one_row_and_only_its_sampled_tokens_are_trained()
    {
        Turn TurnOf(int[] prompt, int[] tokens, float temperature = 1) => new(prompt, tokens, [.. tokens.Select(t => -t / 100f)], "", StopReason.StopToken, temperature);
        Trajectory Of(params Turn[] turns) => new(new Problem("p", "", ""), 0, 0, [.. turns], TrajectoryStatus.Terminated);

        var one = Assert.Single(TrainingRow.From(Of(TurnOf([1, 2], [3, 4]), TurnOf([1, 2, 3, 4, 50, 51], [5])), 2));
        Assert.Equal([1, 2, 3, 4, 50, 51, 5], one.Ids);
        Assert.Equal([2, 3, 6], one.Trained); // 50 and 51 were observed
        Assert.Equal([-.03f, -.04f, -.05f], one.OldLogProbs);
        Assert.Equal([2f, 2, 2], one.Advantages);

        var two = TrainingRow.From(Of(TurnOf([1, 2], [3, 4]), TurnOf([1, 2, 3], [5])), 1).ToArray(); // does not continue it
        Assert.Equal(["1,2,3,4", "1,2,3,5"], two.Select(r => string.Join(',', r.Ids)));
        Assert.Equal(["2,3", "3"], two.Select(r => string.Join(',', r.Trained)));
        Assert.Equal(2, TrainingRow.From(Of(TurnOf([1], [3]), TurnOf([1, 3], [5], 0.5f)), 1).Count()); // another temperature
        Assert.Empty(TrainingRow.From(Of(TurnOf([1], [])), 1));

        // Greedy turns are read, whatever temperature the others have, and not trained.
        var read = Assert.Single(TrainingRow.From(Of(TurnOf([1], [2]), TurnOf([1, 2, 50], [3, 4], 0), TurnOf([1, 2, 50, 3, 4], [5]), TurnOf([1, 2, 50, 3, 4, 5], [6], 0)), 1));
        Assert.Equal(("1,2,50,3,4,5", "1,5", 1f), (string.Join(',', read.Ids), string.Join(',', read.Trained), read.Temperature));
        Assert.Empty(TrainingRow.From(Of(TurnOf([1], [2], 0)), 1));
        Assert.Empty(TrainingRow.From(Of(), 1));
    }

    internal static float[] Values(CausalLM model) => [.. model.Parameters.SelectMany(p => p.Parameter.data<float>().ToArray())];

    private static float[] Gradients(CausalLM model) => [.. model.Parameters.SelectMany(p => p.Parameter.grad!.contiguous().data<float>().ToArray())];

    /// <summary>Rows of different lengths as the fresh model samples them, with advantages of both signs.</summary>
    internal static async Task<TrainingRow[]> SampledRowsAsync(int count, float temperature = 1)
    {
        using var inference = TinyModels.FreshModule();
        var generated = await inference.GenerateAsync(
            Enumerable.Range(0, count).Select(i => new string('p', 1 + (i % 4))).ToArray(), new SamplingOptions { MaxNewTokens = 9, Temperature = temperature });
        return [.. generated.Select((g, i) => new TrainingRow(
            [.. g.PromptIds, .. g.TokenIds], [.. Enumerable.Range(g.PromptIds.Length, g.TokenIds.Length)], g.LogProbs,
            [.. Enumerable.Repeat(i % 2 == 0 ? 1f : -0.7f, g.TokenIds.Length)], temperature))];
    }
}
