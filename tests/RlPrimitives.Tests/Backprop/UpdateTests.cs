using RlPrimitives.Backprop;
using RlPrimitives.Models;

namespace RlPrimitives.Tests.Backprop;

/// <summary>The terms of an update beyond the clipped loss: values, entropy, references, sampler correction, schedules.</summary>
public class UpdateTests
{
    private static readonly BackpropConfig Config = new() { LearningRate = 1e-2, MaxGradientNorm = double.PositiveInfinity };

    public static TheoryData<string> EveryLoss => [.. Losses.Keys];

    private static Dictionary<string, IPolicyLoss> Losses { get; } = new()
    {
        ["clipped"] = new ClippedLoss(), ["dual clip"] = new ClippedLoss(ClipRange.Verl), ["reinforce"] = new ReinforceLoss(), ["cispo"] = new CispoLoss(CispoBounds.Trl()),
        ["sapo"] = new SapoLoss(), ["gspo"] = new GspoLoss(), ["gmpo"] = new GmpoLoss(), ["sequence product"] = new SequenceProductLoss(),
    };

    [Theory]
    [MemberData(nameof(EveryLoss))]
    public async Task Every_loss_makes_good_tokens_likelier_and_bad_ones_less_so_however_the_batch_is_split(string name)
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(6);
        float[]? expected = null;
        foreach (var tokens in (int[])[1 << 20, 1, 30])
        {
            using var model = TinyModels.Fresh();
            using var module = new BackpropModule(model, Config with { LearningRate = 1e-3, MicroBatchTokens = tokens, Optimizer = new AdamWOptions(Epsilon: 1e-3) });
            await module.UpdateAsync(rows, new UpdateConfig { Loss = Losses[name], Average = LossAverage.Sequence });
            var values = BackpropModuleTests.Values(model);
            expected ??= values;
            Assert.True(expected.Zip(values).Max(p => Math.Abs(p.First - p.Second)) < 1e-6);
            var after = await module.ComputeLogProbsAsync(rows);
            var moved = rows.Zip(after, (row, now) => now.Zip(row.OldLogProbs, (n, old) => (double)n - old).Sum() * Math.Sign(row.Advantages[0])).Sum();
            Assert.True(moved > 1e-3, $"{moved}");
        }
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 16)]
    [InlineData(true, 0)]
    public async Task Values_are_learned_and_start_at_zero(bool separate, int hiddenWidth)
    {
        var rows = Valued(await BackpropModuleTests.SampledRowsAsync(8));
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { Value = new ValueConfig { SeparateTrunk = separate, HiddenWidth = hiddenWidth } });
        Assert.All(await module.ComputeValuesAsync(rows), row => Assert.All(row, v => Assert.Equal(0, v)));
        var update = new UpdateConfig { ValueCoefficient = 1, ValueClip = null };
        var first = await module.UpdateAsync(rows, update);
        Assert.Equal(rows.SelectMany(r => r.Returns!).Average(r => 0.5 * r * r), first.ValueLoss, 1e-4);
        Assert.Equal(first.Loss, first.PolicyLoss + first.ValueLoss, 1e-5);
        UpdateStatistics last = first;
        for (var i = 0; i < 60; i++)
        {
            last = await module.UpdateAsync(rows, update);
        }

        Assert.True(last.ValueLoss < first.ValueLoss / 5, $"{first.ValueLoss} → {last.ValueLoss}");
        Assert.True(first.ValueGradientNorm > 0);
        var values = await module.ComputeValuesAsync(rows);
        rows = [.. rows.Zip(values, (r, v) => r with { OldValues = v })];
        Assert.True((await module.UpdateAsync(rows, update)).ExplainedVariance > 0.5);
    }

    [Fact]
    public async Task A_separate_trunk_leaves_the_policy_alone_and_a_shared_one_does_not()
    {
        var rows = Valued(await BackpropModuleTests.SampledRowsAsync(4)).Select(r => r with { Advantages = new float[r.Advantages.Length] }).ToArray();
        foreach (var separate in (bool[])[true, false])
        {
            using var model = TinyModels.Fresh();
            var before = BackpropModuleTests.Values(model);
            using var module = new BackpropModule(model, Config with { Value = new ValueConfig { SeparateTrunk = separate } });
            await module.UpdateAsync(rows);
            await module.UpdateAsync(rows); // the head starts at 0 and passes nothing on at first
            Assert.Equal(separate, before.SequenceEqual(BackpropModuleTests.Values(model)));
        }
    }

    [Fact]
    public async Task A_clipped_value_far_from_where_it_was_has_no_gradient()
    {
        var rows = Valued(await BackpropModuleTests.SampledRowsAsync(4)).Select(r => r with { Advantages = new float[r.Advantages.Length], OldValues = [.. r.Returns!.Select(_ => -9f)] }).ToArray();
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { Value = new ValueConfig() });
        // v = 0, old = −9, return 1 … 2: the clipped branch (−8.8) is the worse one and constant.
        Assert.Equal(0, (await module.UpdateAsync(rows)).ValueGradientNorm);
        Assert.True((await module.UpdateAsync(rows, new UpdateConfig { ValueClip = null })).ValueGradientNorm > 0);
    }

    [Fact]
    public async Task The_entropy_bonus_raises_entropy()
    {
        var rows = (await BackpropModuleTests.SampledRowsAsync(6)).Select(r => r with { Advantages = new float[r.Advantages.Length] }).ToArray();
        using var model = TinyModels.FreshModule(1, spread: 0.3).Model;
        using var module = new BackpropModule(model, Config with { LearningRate = 1e-3 });
        var update = new UpdateConfig { EntropyCoefficient = 0.5 };
        var first = await module.UpdateAsync(rows, update);
        Assert.Equal(-0.5 * first.Entropy, first.Loss, 1e-4);
        var last = first;
        for (var i = 0; i < 10; i++)
        {
            last = await module.UpdateAsync(rows, update);
        }

        Assert.True(last.Entropy > first.Entropy + 0.01, $"{first.Entropy} → {last.Entropy}");
    }

    [Fact]
    public async Task The_reference_stays_follows_or_is_renewed_as_its_mode_says()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(5);
        var update = new UpdateConfig { Kl = KlPenalty.InLoss };
        var kl = new Dictionary<string, double[]>();
        foreach (var (name, mode) in new (string, ReferenceMode?)[]
            { ("frozen", null), ("average", ReferenceMode.MovingAverage(0.5)), ("periodic", ReferenceMode.PeriodicCopy(2)), ("copy", ReferenceMode.FrozenCopy) })
        {
            using var model = TinyModels.Fresh();
            using var module = new BackpropModule(model, Config with { Reference = mode });
            var measured = new double[5];
            for (var i = 0; i < 5; i++)
            {
                measured[i] = (await module.UpdateAsync(rows, update)).Kl;
            }

            kl[name] = measured;
            Assert.Equal(0, measured[0], 1e-6);
            await module.UpdateReferenceModelAsync();
            Assert.Equal(0, (await module.UpdateAsync(rows, update)).Kl, 1e-6);
        }

        Assert.Equal(kl["frozen"], kl["copy"]);
        Assert.True(kl["average"][4] < kl["frozen"][4] && kl["average"][4] > 1e-6);
        Assert.Equal([true, false, true, false, true], kl["periodic"].Select(k => k < 1e-6));
    }

    [Fact]
    public async Task The_coefficient_follows_its_target()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(5);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config);
        await module.ComputeReferenceLogProbsAsync(rows); // before the policy moves
        await module.UpdateAsync(rows);
        rows = [.. rows.Zip(await module.ComputeLogProbsAsync(rows), (r, own) => r with { OldLogProbs = own })];
        var update = new UpdateConfig { Kl = new KlPenalty { Coefficient = 0.1, Target = 1e-6, Horizon = 50 } };
        var coefficients = new List<double>();
        for (var i = 0; i < 3; i++)
        {
            coefficients.Add((await module.UpdateAsync(rows, update)).KlCoefficient);
        }

        // far above the target: +20 % · n/horizon each time
        Assert.Equal([0.1, 0.102, 0.10404], coefficients.Select(c => Math.Round(c, 9)).ToArray());
    }

    [Fact]
    public async Task One_far_token_ends_no_adaptive_update()
    {
        // exp(999) is infinite; the penalty's own bound holds where β is adapted, too.
        var rows = (await BackpropModuleTests.SampledRowsAsync(3)).Select(r => r with { ReferenceLogProbs = [.. r.OldLogProbs] }).ToArray();
        rows[1].OldLogProbs[0] = -1000;
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config);
        var update = new UpdateConfig { Kl = new KlPenalty { Coefficient = 0.1, Target = 1, Horizon = 30 } };
        await module.UpdateAsync(rows, update);
        Assert.Equal(0.102, (await module.UpdateAsync(rows, update)).KlCoefficient, 1e-9);
    }

    [Fact]
    public async Task A_wrong_sampler_is_weighed_down_and_reported()
    {
        var rows = (await BackpropModuleTests.SampledRowsAsync(5)).Select(r => r with { SamplerLogProbs = [.. r.OldLogProbs.Select(p => p - 2)] }).ToArray();
        var plain = await UpdateAsync(null);
        var truncated = await UpdateAsync(SamplerCorrection.Verl);
        var masked = await UpdateAsync(SamplerCorrection.IcePop);
        Assert.Equal((2, 2), (Math.Round(plain.SamplerDifference, 3), Math.Round(plain.SamplerDifferenceMean, 3)));
        Assert.Equal((1, 2, 0), (plain.SamplerWeightMean, Math.Round(truncated.SamplerWeightMean, 6), masked.SamplerWeightMean)); // e² cut at 2, or dropped
        Assert.Equal(2 * plain.GradientNorm, truncated.GradientNorm, 1e-4);
        Assert.Equal(0, masked.GradientNorm);

        async Task<UpdateStatistics> UpdateAsync(SamplerCorrection? correction)
        {
            using var model = TinyModels.Fresh();
            using var module = new BackpropModule(model, Config);
            return await module.UpdateAsync(rows, new UpdateConfig { SamplerCorrection = correction });
        }
    }

    [Fact]
    public async Task Epochs_end_early_once_the_policy_has_moved_too_far()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(5);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config);
        var statistics = await module.UpdateAsync(rows, new UpdateConfig { Epochs = 50, MaxPolicyKl = 1e-3 });
        Assert.InRange(statistics.OptimizerSteps, 2, 20);
        Assert.Equal((long)statistics.OptimizerSteps * statistics.Tokens, statistics.TrainedTokens);
        Assert.True(statistics.PolicyKl > 0);
    }

    [Fact]
    public async Task A_schedule_counts_optimizer_steps_over_all_updates()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(4);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { Schedule = new LearningRateSchedule { Peak = 1e-3, Steps = 8, WarmupSteps = 4, Decay = LearningRateDecay.Linear } });
        var rates = new List<double>();
        for (var i = 0; i < 4; i++)
        {
            rates.Add((await module.UpdateAsync(rows, new UpdateConfig { MiniBatches = 2 })).LearningRate);
        }

        Assert.Equal([0.0005, 0.001, 0.0005, 0], rates.Select(r => Math.Round(r, 9)));
    }

    [Fact]
    public async Task A_loss_looked_at_is_the_loss_of_the_update_and_changes_nothing()
    {
        var rows = Valued(await BackpropModuleTests.SampledRowsAsync(5));
        using var model = TinyModels.Fresh();
        var before = BackpropModuleTests.Values(model);
        using var module = new BackpropModule(model, Config with { Value = new ValueConfig() });
        var update = new UpdateConfig { Kl = KlPenalty.InLoss, EntropyCoefficient = 0.1 };
        var looked = await module.ComputeLossAsync(rows, update);
        Assert.Equal(before, BackpropModuleTests.Values(model));
        var taken = await module.UpdateAsync(rows, update);
        Assert.Equal((0, 1), (looked.OptimizerSteps, taken.OptimizerSteps));
        Assert.Equal((taken.Loss, taken.Entropy, taken.ValueLoss), (looked.Loss, looked.Entropy, looked.ValueLoss));
    }

    [Fact]
    public async Task What_an_update_lacks_is_said_before_anything_is_computed()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(2);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { Value = new ValueConfig() });
        Assert.Contains("Returns", (await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync(rows))).Message, StringComparison.Ordinal);
        Assert.Contains("OldValues", (await Assert.ThrowsAsync<ArgumentException>(() => module.UpdateAsync([rows[0] with { OldValues = [1] }]))).Message, StringComparison.Ordinal);
        using var without = new BackpropModule(model, Config);
        await Assert.ThrowsAsync<InvalidOperationException>(() => without.ComputeValuesAsync(rows));
    }

    [Fact]
    public void The_clipped_loss_can_be_looked_at_in_a_cell()
    {
        var loss = BackpropModule.ComputePpoLoss([MathF.Log(1.5f), MathF.Log(0.5f), MathF.Log(5)], [0, 0, 0], [1, 1, -1]);
        Assert.Equal([-1.2f, -0.5f, 5f], loss.Select(l => MathF.Round(l, 5)));
        Assert.Equal(3f, BackpropModule.ComputePpoLoss([MathF.Log(5)], [0], [-1], ClipRange.Verl)[0], 1e-5f);
        Assert.Throws<ArgumentException>(() => BackpropModule.ComputePpoLoss([0], [0, 0], [1]));
    }

    [Fact]
    public async Task A_model_of_nan_weights_is_refused_and_no_single_row_is_blamed_alone()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(3);
        using var model = TinyModels.Fresh();
        using var module = new BackpropModule(model, Config with { FaultFolder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()) });
        using (TorchSharp.torch.no_grad())
        {
            model.Parameters[0].Parameter.fill_(float.NaN);
        }

        model.MarkChanged();
        var error = await Assert.ThrowsAsync<NonFiniteUpdateException>(() => module.UpdateAsync(rows));
        Assert.Equal([0, 1, 2], error.Rows);
        Assert.StartsWith(module.Config.FaultFolder!, error.File, StringComparison.Ordinal);
        Directory.Delete(module.Config.FaultFolder!, recursive: true);
    }

    [Fact]
    public async Task Of_a_model_with_adapters_only_they_are_trained_and_the_model_without_them_is_the_reference()
    {
        var rows = await BackpropModuleTests.SampledRowsAsync(5);
        using var model = TinyModels.Fresh();
        model.AddLora(new LoraConfig { Rank = 2 });
        var before = BackpropModuleTests.Values(model);
        using var module = new BackpropModule(model, Config);
        var update = new UpdateConfig { Kl = KlPenalty.InLoss };
        Assert.Equal(0, (await module.UpdateAsync(rows, update)).Kl, 1e-6);
        for (var i = 0; i < 3; i++)
        {
            await module.UpdateAsync(rows, update);
        }

        var last = await module.UpdateAsync(rows, update);
        Assert.True(last.Kl > 1e-5 && last.GradientNorm > 0, $"{last.Kl}");
        Assert.Equal(before, BackpropModuleTests.Values(model));
        var reference = await module.ComputeReferenceLogProbsAsync(rows);
        Assert.All(rows.Zip(reference), p => Assert.All(p.First.OldLogProbs.Zip(p.Second), q => Assert.Equal(q.First, q.Second, 1e-4)));
        await Assert.ThrowsAsync<InvalidOperationException>(module.UpdateReferenceModelAsync);
        using var plain = TinyModels.Fresh();
        using var wrong = new BackpropModule(plain, Config with { Reference = ReferenceMode.WithoutLora });
        Assert.Contains("AddLora", (await Assert.ThrowsAsync<InvalidOperationException>(() => wrong.ComputeReferenceLogProbsAsync(rows))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Remembering_less_changes_no_parameter(bool withLora)
    {
        var rows = Valued(await BackpropModuleTests.SampledRowsAsync(6));
        var (plain, checkpointed) = (await TrainedAsync(false), await TrainedAsync(true));
        Assert.True(plain.Zip(checkpointed).Max(p => Math.Abs(p.First - p.Second)) < 1e-6);

        async Task<float[]> TrainedAsync(bool checkpointing)
        {
            using var model = TinyModels.Fresh();
            if (withLora)
            {
                model.AddLora(new LoraConfig { Rank = 2 });
            }

            using var module = new BackpropModule(model, Config with { LearningRate = 1e-3, CheckpointActivations = checkpointing, Value = new ValueConfig(), MicroBatchTokens = 40 });
            await module.UpdateAsync(rows);
            await module.UpdateAsync(rows, new UpdateConfig { Kl = KlPenalty.InLoss });
            return [.. model.TrainableParameters.SelectMany(p => p.Parameter.data<float>().ToArray())];
        }
    }

    [Fact]
    public async Task A_bf16_model_learns_as_a_float32_one_does()
    {
        var folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using (var fresh = TinyModels.Fresh())
            {
                fresh.Save(folder);
            }

            var rows = Valued(await BackpropModuleTests.SampledRowsAsync(6));
            var (full, half) = (await RiseAsync(TorchSharp.torch.ScalarType.Float32), await RiseAsync(TorchSharp.torch.ScalarType.BFloat16));
            Assert.InRange(half / full, 0.8, 1.2);

            using var model = CausalLM.FromPretrained(folder, type: TorchSharp.torch.ScalarType.BFloat16);
            using var module = new BackpropModule(model, Config with { Reference = ReferenceMode.MovingAverage(0.99) });
            await Assert.ThrowsAsync<NotSupportedException>(() => module.ComputeReferenceLogProbsAsync(rows));

            // How much likelier the good tokens became against the bad ones, nats a sequence.
            async Task<double> RiseAsync(TorchSharp.torch.ScalarType type)
            {
                using var policy = CausalLM.FromPretrained(folder, type: type);
                using var backprop = new BackpropModule(policy, Config with { LearningRate = 1e-4, MicroBatchTokens = 30, Value = new ValueConfig() });
                var before = await backprop.ComputeLogProbsAsync(rows);
                for (var i = 0; i < 15; i++)
                {
                    await backprop.UpdateAsync(rows, new UpdateConfig { Kl = KlPenalty.InLoss, Loss = new ReinforceLoss() });
                }

                var after = await backprop.ComputeLogProbsAsync(rows);
                return rows.Select((r, b) => Math.Sign(r.Advantages[0]) * (after[b].Sum() - before[b].Sum())).Average();
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static TrainingRow[] Valued(TrainingRow[] rows) =>
        [.. rows.Select((r, i) => r with { Returns = [.. r.Advantages.Select(_ => 1 + (i / (float)rows.Length))], OldValues = new float[r.Advantages.Length] })];
}
