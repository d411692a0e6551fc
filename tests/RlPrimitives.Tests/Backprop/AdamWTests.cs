using RlPrimitives.Backprop;
using RlPrimitives.Models;
using RlPrimitives.Tests.Models;
using TorchSharp;
using AdamW = RlPrimitives.Backprop.AdamW;
using Parameter = TorchSharp.Modules.Parameter;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Backprop;

public class AdamWTests
{
    [Fact]
    public void Updates_far_below_the_resolution_of_bf16_add_up_in_the_master_weights()
    {
        using var scope = NewDisposeScope();
        using var parameter = Of(ScalarType.BFloat16, 1, -2);
        using var optimizer = new AdamW([parameter]);
        for (var i = 1; i <= 100; i++)
        {
            parameter.sum().backward();
            optimizer.Step(1e-4); // bf16 rounds 1 − 1e-4 to 1: its steps there are 0.0039
            optimizer.ClearGradients();
            Assert.Equal(i < 20, LoraTests.Values(parameter)[0] == 1); // until half a step has gathered
        }

        Assert.Equal(0.99, Master(optimizer)[0], 3e-5);
        Assert.Equal(-2.01, Master(optimizer)[1], 3e-5);
        Assert.Equal([0.98828125f, -2.015625f], LoraTests.Values(parameter)); // the nearest bf16
    }

    [Fact]
    public void Gradients_of_many_micro_batches_are_summed_in_float32_for_bf16()
    {
        using var scope = NewDisposeScope();
        using Parameter collected = Of(ScalarType.BFloat16, 1), lost = Of(ScalarType.BFloat16, 1);
        using var optimizer = new AdamW([collected]);
        using var careless = new AdamW([lost]);
        for (var i = 0; i < 513; i++)
        {
            (collected.sum() * (i == 0 ? 1 : 1f / 512)).backward();
            (lost.sum() * (i == 0 ? 1 : 1f / 512)).backward();
            optimizer.CollectGradients();
        }

        Assert.Equal(2, optimizer.ClipGradients(double.PositiveInfinity), 1e-6);
        Assert.Equal(1, careless.ClipGradients(double.PositiveInfinity), 1e-6); // 1 + 1/512 is 1 in bf16
    }

    [Fact]
    public void Clipping_scales_bf16_gradients_to_the_norm_and_reports_what_was()
    {
        using var scope = NewDisposeScope();
        using Parameter low = Of(ScalarType.BFloat16, 0, 0), high = Of(ScalarType.Float32, 0);
        using var optimizer = new AdamW([low, high]);
        Assert.Equal(0, optimizer.ClipGradients(1));
        (low.to(float32) * tensor(new float[] { 2, 4 })).sum().add(high.sum() * 4).backward();
        Assert.Equal(6, optimizer.ClipGradients(1.5), 1e-6);
        Assert.Equal(1.5, optimizer.ClipGradients(double.PositiveInfinity), 1e-5);
        Assert.Equal(1, high.grad![0].item<float>(), 1e-5);
        optimizer.ClearGradients();
        Assert.Equal(0, optimizer.ClipGradients(1));

        (low.to(float32) * tensor(new float[] { 1, float.PositiveInfinity })).sum().backward();
        Assert.False(double.IsFinite(optimizer.ClipGradients(1)));
    }

    [Fact]
    public void Float32_parameters_step_in_place_without_masters()
    {
        using var scope = NewDisposeScope();
        using var parameter = Of(ScalarType.Float32, 1);
        using var optimizer = new AdamW([parameter]);
        (parameter * 3).sum().backward();
        optimizer.CollectGradients();
        Assert.Equal(3, parameter.grad!.item<float>());
        optimizer.Step(0.5);
        Assert.Equal(0.5, parameter.item<float>(), 1e-6);
        Assert.Equal(["0.first_moment", "0.second_moment", "0.step"], optimizer.StateTensors().Select(s => s.Name));
    }

    [Fact]
    public void Each_group_has_its_own_scale_of_the_learning_rate_and_its_own_decay()
    {
        using var scope = NewDisposeScope();
        using Parameter policy = Of(ScalarType.Float32, 1), value = Of(ScalarType.Float32, 1), still = Of(ScalarType.Float32, 1), unused = Of(ScalarType.Float32, 1);
        using var optimizer = new AdamW([
            new ParameterGroup([("policy", policy)]),
            new ParameterGroup([("value", value)], LearningRateScale: 10, WeightDecay: 0.5),
            new ParameterGroup([("still", still), ("unused", unused)], LearningRateScale: 0),
        ]);
        (policy + value + still).sum().backward();
        optimizer.Step(0.01);
        // The first step of AdamW is the learning rate, whatever the gradient; decay takes rate × decay × weight before.
        Assert.Equal(0.99, policy.item<float>(), 1e-6);
        Assert.Equal(1 - (0.1 * 0.5) - 0.1, value.item<float>(), 1e-6);
        Assert.Equal(1, still.item<float>());
        Assert.Equal([1f, 1, 1, 0], optimizer.StateTensors().Where(s => s.Name.EndsWith("step", StringComparison.Ordinal)).Select(s => s.Tensor.item<float>()));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_run_resumed_from_the_saved_state_is_bit_for_bit_the_run_that_went_on(ScalarType type)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using Parameter first = Of(type, 1, 2, 3), second = Of(type, 1, 2, 3);
        ParameterGroup[] Groups(Parameter p) => [new([("layer.weight", p)], LearningRateScale: 2)];
        using var optimizer = new AdamW(Groups(first), new AdamWOptions(WeightDecay: 0.1));
        void Train(Parameter p, AdamW o, int from, int to)
        {
            for (var i = from; i < to; i++)
            {
                (p.to(float32) * p.to(float32) * (1 + (i % 3))).sum().backward();
                o.Step(1e-3);
                o.ClearGradients();
            }
        }

        Train(first, optimizer, 0, 7);
        SafetensorsFile.Write(folder.In("optimizer.safetensors"), optimizer.StateTensors());
        using (no_grad())
        {
            second.copy_(first);
        }

        Train(first, optimizer, 7, 15);
        using var resumed = new AdamW(Groups(second), new AdamWOptions(WeightDecay: 0.1));
        using (var file = SafetensorsFile.Open(folder.In("optimizer.safetensors")))
        {
            resumed.LoadState(file.Entries.Keys.ToDictionary(n => n, file.Read));
        }

        Train(second, resumed, 7, 15);
        Assert.Equal(LoraTests.Values(first), LoraTests.Values(second));
        foreach (var (a, b) in optimizer.StateTensors().Zip(resumed.StateTensors()))
        {
            Assert.Equal(a.Name, b.Name);
            Assert.Equal(LoraTests.Values(a.Tensor), LoraTests.Values(b.Tensor));
        }
    }

    [Fact]
    public void A_state_of_other_parameters_is_refused_and_changes_nothing()
    {
        using var scope = NewDisposeScope();
        using Parameter parameter = Of(ScalarType.BFloat16, 1, 2), longer = Of(ScalarType.BFloat16, 1, 2, 3);
        using var optimizer = new AdamW([new ParameterGroup([("w", parameter)])]);
        using var other = new AdamW([new ParameterGroup([("w", longer)])]);
        var state = optimizer.StateTensors().ToDictionary(s => s.Name, s => s.Tensor.clone() + 1);
        void Refused(string message, Action<Dictionary<string, Tensor>> edit)
        {
            var edited = new Dictionary<string, Tensor>(state);
            edit(edited);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => optimizer.LoadState(edited)).Message, StringComparison.Ordinal);
        }

        Refused("holds no 'w.master'", s => s.Remove("w.master"));
        Refused("holds 'v.step', which no parameter here has", s => s["v.step"] = zeros([]));
        Refused("'w.first_moment' is Float32 [3], needed is Float32 [2]", s => s["w.first_moment"] = zeros(3));
        Refused("'w.step' is Int64 []", s => s["w.step"] = zeros([], dtype: int64));
        Assert.Throws<ArgumentException>(() => optimizer.LoadState(other.StateTensors().ToDictionary(s => s.Name, s => s.Tensor)));
        Assert.Equal([0f, 0, 0, 0, 0, 1, 2], optimizer.StateTensors().SelectMany(s => LoraTests.Values(s.Tensor)));
        optimizer.LoadState(state);
        Assert.Equal([2f, 3], LoraTests.Values(parameter)); // as its master
    }

    [Fact]
    public void The_same_parameter_or_name_twice_is_refused()
    {
        using var scope = NewDisposeScope();
        using Parameter one = Of(ScalarType.Float32, 1), two = Of(ScalarType.Float32, 1);
        Assert.Contains("'a' and 'b' are one parameter", Assert.Throws<ArgumentException>(() => new AdamW([new ParameterGroup([("a", one), ("b", one)])])).Message, StringComparison.Ordinal);
        Assert.Contains("'a' is given to 2", Assert.Throws<ArgumentException>(() => new AdamW([new ParameterGroup([("a", one)]), new ParameterGroup([("a", two)])])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParameterGroup([], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ParameterGroup([], double.NaN));
    }

    private static Parameter Of(ScalarType type, params float[] values)
    {
        var parameter = new Parameter(tensor(values, dtype: type).DetachFromDisposeScope());
        parameter.DetachFromDisposeScope();
        return parameter;
    }

    private static float[] Master(AdamW optimizer) => LoraTests.Values(optimizer.StateTensors().Single(s => s.Name.EndsWith("master", StringComparison.Ordinal)).Tensor);
}
