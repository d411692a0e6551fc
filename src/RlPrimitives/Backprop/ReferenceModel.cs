using RlPrimitives.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Backprop;

/// <summary>The model that the KL penalty measures from.</summary>
internal sealed class ReferenceModel : IDisposable
{
    private readonly CausalLM policy;
    private readonly ReferenceMode mode;
    private readonly CausalLM? copy;
    private int updates;

    public ReferenceModel(CausalLM policy, ReferenceMode mode)
    {
        if (mode is ReferenceMode.Bare && policy.Lora is null)
        {
            throw new InvalidOperationException("The reference should be the model without its LoRA adapters, but it has none: call AddLora first, or choose another ReferenceMode.");
        }

        if (mode is ReferenceMode.Copy { Decay: not null } && policy.Type != ScalarType.Float32)
        {
            throw new NotSupportedException($"A moving average in {policy.Type} would round its small moves away: load the model in float32, or choose ReferenceMode.PeriodicCopy.");
        }

        (this.policy, this.mode) = (policy, mode);
        copy = mode is ReferenceMode.Copy ? policy.Clone() : null;
    }

    /// <summary>Its own weights; null where it is the policy without adapters.</summary>
    public IReadOnlyList<(string Name, TorchSharp.Modules.Parameter Parameter)>? Weights => copy?.TrainableParameters;

    /// <summary>Updates that it has seen.</summary>
    public int Updates => updates;

    /// <summary>Its weights were set from a checkpoint.</summary>
    public void Restore(int seen)
    {
        updates = seen;
        copy?.MarkChanged();
    }

    /// <summary>Log-probs of the trained tokens of each row, nats.</summary>
    public float[][] LogProbs(IReadOnlyList<TrainingRow> rows, int maxTokens) =>
        MicroBatch.PerRow(policy, rows, maxTokens, batch => copy is null ? policy.RunWithoutLora(() => PolicyTerms.LogProbsOf(policy, batch)) : PolicyTerms.LogProbsOf(copy, batch));

    /// <summary>The policy was updated: a moving average follows, a periodic copy may be due.</summary>
    public void AfterUpdate()
    {
        updates++;
        switch (mode)
        {
            case ReferenceMode.Copy { Decay: { } decay }:
                Move(1 - decay);
                break;
            case ReferenceMode.Copy { Every: { } every } when updates % every == 0:
                Move(1);
                break;
        }
    }

    /// <summary>Takes the policy's weights as they are.</summary>
    public void Renew()
    {
        if (copy is null)
        {
            throw new InvalidOperationException("The reference is the model without its LoRA adapters: it has no weights of its own to renew. Merge the adapters, or choose another ReferenceMode.");
        }

        Move(1);
    }

    public void Dispose() => copy?.Dispose();

    // ref ← ref + share·(policy − ref)
    private void Move(double share)
    {
        if (copy is null)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var (mine, theirs) in copy.Parameters.Concat(copy.TrainableParameters).Zip(policy.Parameters.Concat(policy.TrainableParameters)).DistinctBy(p => p.First.Name))
        {
            if (share == 1)
            {
                mine.Parameter.copy_(theirs.Parameter);
            }
            else
            {
                mine.Parameter.lerp_(theirs.Parameter, share);
            }
        }

        copy.MarkChanged();
    }
}
