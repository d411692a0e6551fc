using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>A parameter with what an optimizer keeps for it, all float32.</summary>
internal sealed class OptimizedParameter : IDisposable
{
    private readonly string name;
    private readonly Parameter parameter;
    private readonly Tensor? master;   // null where the parameter itself is float32
    private Tensor? collectedGradient; // for one with a master

    public OptimizedParameter(string name, Parameter parameter, ParameterGroup group)
    {
        (this.name, this.parameter, Group) = (name, parameter, group);
        master = parameter.dtype == ScalarType.Float32 ? null : parameter.detach().to(ScalarType.Float32).DetachFromDisposeScope();
        FirstMoment = zeros_like(Weights).DetachFromDisposeScope();
        SecondMoment = zeros_like(Weights).DetachFromDisposeScope();
        Steps = zeros([], dtype: ScalarType.Float32, device: parameter.device).DetachFromDisposeScope();
    }

    public ParameterGroup Group { get; }

    /// <summary>What steps move.</summary>
    public Tensor Weights => master ?? parameter;

    public Tensor FirstMoment { get; }

    public Tensor SecondMoment { get; }

    /// <summary>Steps taken, [].</summary>
    public Tensor Steps { get; }

    /// <summary>The same as a number.</summary>
    public int StepsTaken { get; set; }

    /// <summary>The gradient that the next step uses; null for none.</summary>
    public Tensor? Gradient() => master is null ? parameter.grad : collectedGradient;

    public void CollectGradient()
    {
        if (master is null || parameter.grad is not { } gradient)
        {
            return;
        }

        if (collectedGradient is null)
        {
            collectedGradient = gradient.to(ScalarType.Float32).DetachFromDisposeScope();
        }
        else
        {
            collectedGradient.Plus_(gradient);
        }

        parameter.grad = null;
    }

    public void ClearGradient()
    {
        parameter.grad?.Dispose();
        parameter.grad = null;
        collectedGradient?.Dispose();
        collectedGradient = null;
    }

    /// <summary>Rounds the master to the parameter's own type.</summary>
    public void Publish()
    {
        if (master is not null)
        {
            parameter.copy_(master);
        }
    }

    public IEnumerable<(string Name, Tensor Tensor)> State()
    {
        yield return ($"{name}.first_moment", FirstMoment);
        yield return ($"{name}.second_moment", SecondMoment);
        yield return ($"{name}.step", Steps);
        if (master is not null)
        {
            yield return ($"{name}.master", master);
        }
    }

    public void Dispose()
    {
        foreach (var tensor in new[] { FirstMoment, SecondMoment, Steps, master, collectedGradient })
        {
            tensor?.Dispose();
        }
    }
}
