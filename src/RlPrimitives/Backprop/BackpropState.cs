namespace RlPrimitives.Backprop;

/// <summary>Where a <see cref="BackpropModule"/> stands between two updates, beside the tensors that are files of their own.</summary>
/// <param name="Updates">Updates begun: part of the stream that deals mini-batches.</param>
/// <param name="OptimizerSteps">Optimizer steps taken: the place in the schedule.</param>
/// <param name="AdaptiveKl">β, target and horizon where it adapts; null where it does not or has not begun.</param>
/// <param name="ReferenceUpdates">Updates that the reference has seen; null where there is no reference yet.</param>
/// <param name="WeightsVersion">Version of the model's weights.</param>
/// <param name="BaseFingerprint">Of the weights beside LoRA adapters; null without adapters.</param>
public sealed record BackpropState(
    ulong Updates, int OptimizerSteps, KlState? AdaptiveKl, int? ReferenceUpdates, long WeightsVersion, string? BaseFingerprint);

/// <summary>An adaptive KL coefficient.</summary>
/// <param name="Coefficient">β now.</param>
/// <param name="Target">The KL aimed at, nats.</param>
/// <param name="Horizon">Samples over which it adapts.</param>
public sealed record KlState(double Coefficient, double Target, int Horizon);
