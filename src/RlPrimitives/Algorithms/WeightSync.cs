namespace RlPrimitives.Algorithms;

/// <summary>
/// How new weights get to a sampler that has a copy of its own: written to a folder that both see, adapters alone where the model has some, else all weights; then its
/// log-probs of a few sequences are compared with the trainer's own.
/// </summary>
/// <param name="Folder">Where they are written, each version in a folder of its own; made if absent.</param>
public sealed record WeightSync(string Folder)
{
    /// <summary>The same folder as the sampler sees it, such as a mount in its container; null where it sees the same path.</summary>
    public string? SamplerFolder { get; init; }

    /// <summary>
    /// Most mean |sampler log-prob − trainer log-prob| over the probe, nats a token, above 0. Two engines differ by their rounding: about 1e-5 in float32, a few hundredths in
    /// bf16. Beyond it training stops with a <see cref="WeightMismatchException"/>.
    /// </summary>
    public double Tolerance
    {
        get;
        init => field = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(Tolerance), value, "Tolerance must be finite and above 0.");
    } = 0.05;

    /// <summary>Sequences compared, ids, each at least 2 long; null takes the first four problems with their answers.</summary>
    public IReadOnlyList<int[]>? Probe
    {
        get;
        init => field = value is null || (value.Count > 0 && value.All(ids => ids.Length >= 2)) ? value
            : throw new ArgumentException("A probe is at least one sequence of at least 2 ids.", nameof(Probe));
    }
}

/// <summary>What putting weights to the sampler came to.</summary>
/// <param name="Version">Of the weights; <see cref="Rollouts.Trajectory.WeightsVersion"/> of what is sampled with them.</param>
/// <param name="Seconds">Wall time: writing, loading, comparing.</param>
/// <param name="MeanDifference">Mean |sampler log-prob − trainer log-prob| over the probe, nats a token; the worst endpoint's.</param>
/// <param name="MaxDifference">The largest of them.</param>
public sealed record WeightSyncReport(long Version, double Seconds, double MeanDifference, double MaxDifference);
