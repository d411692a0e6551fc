using RlPrimitives.Models;
using RlPrimitives.Models.Native;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>AdamW over all parameters in one native call (Loshchilov and Hutter 2019, arXiv:1711.05101): 2.8× faster than a call a parameter.</summary>
/// <remarks>
/// Parameters of another type than float32 (bf16) have float32 master weights here, which the steps move and of which the parameters are
/// rounded copies (Micikevicius et al. 2018, arXiv:1710.03740): updates too small for bf16 add up. Whoever changes such a parameter otherwise
/// loses the change at the next step. Their gradients are summed in float32 where <see cref="CollectGradients"/> is called after each backward pass.
/// </remarks>
public sealed class AdamW : IDisposable
{
    private readonly OptimizedParameter[] parameters;

    /// <summary>An optimizer with fresh moments over one group.</summary>
    /// <param name="parameters">What is trained; their state is named by their place.</param>
    /// <param name="options">Coefficients.</param>
    public AdamW(IReadOnlyList<Parameter> parameters, AdamWOptions? options = null)
        : this([new ParameterGroup([.. parameters.Select((p, i) => ($"{i}", p))])], options)
    {
    }

    /// <summary>An optimizer with fresh moments over several groups, such as policy and value head.</summary>
    /// <param name="groups">What is trained; no parameter and no name twice.</param>
    /// <param name="options">Coefficients.</param>
    /// <exception cref="ArgumentException">A parameter or a name is given twice.</exception>
    public AdamW(IReadOnlyList<ParameterGroup> groups, AdamWOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(groups);
        Options = options ?? new AdamWOptions();
        var all = groups.SelectMany(g => g.Parameters).ToArray();
        if (all.GroupBy(p => p.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } name)
        {
            throw new ArgumentException($"The name '{name.Key}' is given to {name.Count()} parameters; a step would be taken more than once, or states mixed up.", nameof(groups));
        }

        if (all.GroupBy(p => AtenOperators.DataOf(p.Parameter)).FirstOrDefault(g => g.Count() > 1)?.ToArray() is { } twice)
        {
            throw new ArgumentException($"'{twice[0].Name}' and '{twice[1].Name}' are one parameter; give it once.", nameof(groups));
        }

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        parameters = [.. groups.SelectMany(g => g.Parameters.Select(p => new OptimizedParameter(p.Name, p.Parameter, g)))];
    }

    /// <summary>Coefficients.</summary>
    public AdamWOptions Options { get; }

    /// <summary>
    /// Adds the gradients of parameters that are not float32 to sums in float32, and drops them: call it after the backward pass of each
    /// micro-batch, or bf16 rounds away what later ones add. <see cref="ClipGradients"/> and <see cref="Step"/> call it too.
    /// </summary>
    public void CollectGradients()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var parameter in parameters)
        {
            parameter.CollectGradient();
        }
    }

    /// <summary>Global L2 norm of all gradients, scaled down in place to <paramref name="maxNorm"/> where it is above.</summary>
    /// <param name="maxNorm">Largest norm let through.</param>
    /// <returns>The norm before clipping, 0 where no parameter has a gradient; not finite where a gradient is not (then nothing is scaled).</returns>
    public double ClipGradients(double maxNorm)
    {
        CollectGradients();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var gradients = parameters.Select(p => p.Gradient()).OfType<Tensor>().ToArray();
        if (gradients.Length == 0)
        {
            return 0;
        }

        var norm = stack(gradients.Select(g => g.norm()).ToArray()).norm().item<float>();
        if (norm > maxNorm)
        {
            using var scale = torch.tensor((float)(maxNorm / (norm + 1e-6)), device: gradients[0].device);
            foreach (var gradient in gradients)
            {
                gradient.mul_(scale);
            }
        }

        return norm;
    }

    /// <summary>One step over the parameters that have a gradient.</summary>
    /// <param name="learningRate">Step size, multiplied by each group's scale.</param>
    public void Step(double learningRate)
    {
        CollectGradients();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var present = parameters.Select(p => (Parameter: p, Gradient: p.Gradient())).Where(p => p.Gradient is not null).ToArray();
        foreach (var group in present.GroupBy(p => p.Parameter.Group, ReferenceEqualityComparer.Instance))
        {
            var members = group.ToArray();
            var settings = members[0].Parameter.Group;
            foreach (var counted in members.GroupBy(m => m.Parameter.StepsTaken + 1))
            {
                // No scalar argument: the garbage collector may free TorchSharp's while the native call still reads it.
                using var count = torch.tensor((float)counted.Key, device: counted.First().Parameter.Steps.device);
                foreach (var (parameter, _) in counted)
                {
                    parameter.Steps.copy_(count);
                    parameter.StepsTaken = counted.Key;
                }
            }

            AtenOperators.FusedAdamW(
                Array.ConvertAll(members, m => m.Parameter.Weights), Array.ConvertAll(members, m => m.Gradient!), Array.ConvertAll(members, m => m.Parameter.FirstMoment),
                Array.ConvertAll(members, m => m.Parameter.SecondMoment), Array.ConvertAll(members, m => m.Parameter.Steps),
                learningRate * settings.LearningRateScale, Options.Beta1, Options.Beta2, settings.WeightDecay ?? Options.WeightDecay, Options.Epsilon);
        }

        foreach (var (parameter, _) in present)
        {
            parameter.Publish();
        }
    }

    /// <summary>Drops all gradients, sums in float32 too.</summary>
    public void ClearGradients()
    {
        using var scope = NewDisposeScope();
        foreach (var parameter in parameters)
        {
            parameter.ClearGradient();
        }
    }

    /// <summary>
    /// All that a next step depends on beside parameters and gradients: <c>first_moment</c>, <c>second_moment</c>, <c>step</c> and, for
    /// parameters that are not float32, the <c>master</c> weights, each after the parameter's name and a dot; float32.
    /// </summary>
    /// <returns>The optimizer's own tensors, not copies: to be written (<see cref="SafetensorsFile.Write"/>), not changed or disposed.</returns>
    public IReadOnlyList<(string Name, Tensor Tensor)> StateTensors() => [.. parameters.SelectMany(p => p.State())];

    /// <summary>Takes over a state that <see cref="StateTensors"/> gave: the next step is bit for bit the one that would have followed there.</summary>
    /// <param name="state">By name; every name and no other, in the shapes of the parameters, float32. Copied.</param>
    /// <remarks>Parameters that are not float32 are set from their masters.</remarks>
    /// <exception cref="ArgumentException">A tensor is missing, unknown or of another shape or type: the state is of other parameters. Nothing was changed.</exception>
    public void LoadState(IReadOnlyDictionary<string, Tensor> state)
    {
        ArgumentNullException.ThrowIfNull(state);
        LoadState(state.ToDictionary(s => s.Key, s => (s.Value.dtype, s.Value.shape)), (name, into) => into.copy_(state[name]));
    }

    /// <summary>The same from a file, one tensor after the other.</summary>
    internal void LoadState(SafetensorsFile file) => LoadState(file.Entries.ToDictionary(e => e.Key, e => (e.Value.Type, e.Value.Shape)), file.CopyTo);

    private void LoadState(Dictionary<string, (ScalarType Type, long[] Shape)> state, Action<string, Tensor> copy)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var own = StateTensors();
        foreach (var (name, tensor) in own)
        {
            if (!state.TryGetValue(name, out var stored))
            {
                throw new ArgumentException($"The state holds no '{name}' (it holds {state.Count} tensors, {own.Count} are needed). Is it of a run with the same " +
                    "trained parameters, adapters and precision?", nameof(state));
            }

            if (stored.Type != ScalarType.Float32 || !stored.Shape.SequenceEqual(tensor.shape))
            {
                throw new ArgumentException($"'{name}' is {stored.Type} [{string.Join(", ", stored.Shape)}], needed is Float32 [{string.Join(", ", tensor.shape)}].", nameof(state));
            }
        }

        if (state.Count > own.Count)
        {
            var known = own.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
            throw new ArgumentException($"The state holds '{state.Keys.Where(k => !known.Contains(k)).Order(StringComparer.Ordinal).First()}', which no parameter here has. " +
                "Is it of a run with the same trained parameters, adapters and precision?", nameof(state));
        }

        foreach (var (name, tensor) in own)
        {
            copy(name, tensor);
        }

        foreach (var parameter in parameters)
        {
            parameter.StepsTaken = (int)parameter.Steps.item<float>();
            parameter.Publish();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in parameters)
        {
            parameter.Dispose();
        }
    }
}
