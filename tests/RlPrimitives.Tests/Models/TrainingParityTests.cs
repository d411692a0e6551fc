using System.Text.Json;
using RlPrimitives.Backprop;
using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

/// <summary>Loss, gradients and optimizer steps of every fixture model against transformers and torch.</summary>
public class TrainingParityTests
{
    public static IEnumerable<object[]> Names => ReferenceModel.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void Loss_gradients_and_one_optimizer_step_match(string name)
    {
        using var reference = new ReferenceModel(name);
        using var scope = NewDisposeScope();
        var train = reference.Expected.GetProperty("train");
        var model = reference.Model;
        var adamw = train.GetProperty("adamw");
        using var optimizer = OptimizerOf(model, adamw);

        var loss = Backward(reference);
        Assert.Equal(train.GetProperty("loss").GetDouble(), loss, 1e-5);
        var expectedNorm = train.GetProperty("grad_norm").GetDouble();
        Assert.Equal(1, optimizer.ClipGradients(double.PositiveInfinity) / expectedNorm, 1e-5);
        var gradients = File.Exists(Path.Combine(reference.Folder, "expected_grads.safetensors"))
            ? SafetensorsFile.Open(Path.Combine(reference.Folder, "expected_grads.safetensors")) : null;
        foreach (var (parameterName, parameter) in model.Parameters)
        {
            var gradient = parameter.grad!;
            AssertChecksum(train.GetProperty("grads").GetProperty(parameterName), gradient, 1e-3, parameterName);
            if (gradients is not null)
            {
                var expected = gradients.Read(parameterName);
                var excess = ((gradient - expected).abs() - (1e-5 + (1e-4 * expected.abs()))).max().item<float>();
                Assert.True(excess <= 0, $"{parameterName}: a gradient is {excess} beyond tolerance");
            }
        }

        gradients?.Dispose();
        optimizer.Step(adamw.GetProperty("lr").GetDouble());
        optimizer.ClearGradients();
        foreach (var (parameterName, parameter) in model.Parameters)
        {
            AssertChecksum(train.GetProperty("params_after_1_adamw_step").GetProperty(parameterName), parameter, 2e-4, parameterName);
        }

        Assert.Equal(train.GetProperty("loss_after_1_step").GetDouble(), Backward(reference), 1e-4);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Five_clipped_steps_follow_the_recorded_losses(string name)
    {
        using var reference = new ReferenceModel(name);
        var run = reference.Expected.GetProperty("train_5_steps_clip1");
        var adamw = run.GetProperty("adamw");
        using var optimizer = OptimizerOf(reference.Model, adamw);
        foreach (var step in run.GetProperty("loss_and_gradnorm").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            Assert.Equal(1, Backward(reference) / step[0].GetDouble(), 2e-4);
            if (step[1].ValueKind == JsonValueKind.Number)
            {
                Assert.Equal(1, optimizer.ClipGradients(adamw.GetProperty("max_grad_norm").GetDouble()) / step[1].GetDouble(), 5e-4);
                optimizer.Step(adamw.GetProperty("lr").GetDouble());
            }

            optimizer.ClearGradients();
        }
    }

    private static AdamW OptimizerOf(RlPrimitives.Models.CausalLM model, JsonElement adamw)
    {
        foreach (var (_, parameter) in model.Parameters)
        {
            parameter.requires_grad_(true);
        }

        var betas = adamw.GetProperty("betas");
        return new AdamW(
            model.Parameters.Select(p => p.Parameter).ToArray(),
            new AdamWOptions(betas[0].GetDouble(), betas[1].GetDouble(), adamw.GetProperty("eps").GetDouble(), adamw.GetProperty("weight_decay").GetDouble()));
    }

    /// <summary>Mean cross-entropy over all tokens but each row's first.</summary>
    private static double Backward(ReferenceModel reference)
    {
        using var scope = NewDisposeScope();
        var rows = reference.Rows;
        using var tokens = reference.Model.Pack(rows.Select(r => r[..^1]).ToArray());
        var targets = tensor(rows.SelectMany(r => r[1..]).Select(i => (long)i).ToArray());
        var loss = TokenLogProbs.Compute(reference.Model.Hidden(tokens), reference.Model.HeadWeight, targets)[0].mean().neg();
        loss.backward();
        return loss.item<float>();
    }

    private static void AssertChecksum(JsonElement expected, Tensor actual, double sumTolerance, string name)
    {
        using var scope = NewDisposeScope();
        var values = actual.detach().to(float64);
        Assert.True(Math.Abs(expected.GetProperty("sum").GetDouble() - values.sum().item<double>()) < sumTolerance, $"{name}: sum");
        Assert.True(Math.Abs(expected.GetProperty("l2").GetDouble() - values.norm().item<double>()) < (1e-4 * expected.GetProperty("l2").GetDouble()) + 1e-5, $"{name}: l2");
    }
}
