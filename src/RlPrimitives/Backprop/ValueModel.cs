using RlPrimitives.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>A value head on the policy's own features or on a trunk of its own.</summary>
internal sealed class ValueModel : IDisposable
{
    private readonly ValueHead head;
    private readonly CausalLM? trunk;

    public ValueModel(CausalLM policy, ValueConfig config, ulong seed)
    {
        Config = config;
        trunk = config.SeparateTrunk ? policy.Clone() : null;
        foreach (var (_, parameter) in trunk?.TrainableParameters ?? [])
        {
            parameter.requires_grad_(true);
        }

        head = TensorThread.RunOnce(() => new ValueHead(policy.Config.Width, config.HiddenWidth, seed, policy.Device));
    }

    public ValueConfig Config { get; }

    /// <summary>What is trained beside the policy.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters => [.. head.Parameters, .. trunk?.TrainableParameters ?? []];

    /// <summary>Values of the trained tokens, float32 [M].</summary>
    /// <param name="batch">The tokens.</param>
    /// <param name="policyHidden">The policy's features at their places, [M, D]; computed here where null and needed.</param>
    public Tensor Values(MicroBatch batch, Tensor policyHidden) => head.Forward(trunk is null ? policyHidden : PolicyTerms.HiddenAtPlaces(trunk, batch));

    public void MarkChanged() => trunk?.MarkChanged();

    public void Dispose()
    {
        head.Dispose();
        trunk?.Dispose();
    }
}
