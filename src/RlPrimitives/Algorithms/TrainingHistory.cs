using System.Collections;
using RlPrimitives.Tracking;

namespace RlPrimitives.Algorithms;

/// <summary>The recorded steps of one run, oldest first.</summary>
/// <param name="algorithm">Name of the algorithm, for titles.</param>
/// <param name="steps">The steps.</param>
public sealed class TrainingHistory(string algorithm, IReadOnlyList<TrainStep> steps) : IReadOnlyList<TrainStep>
{
    /// <summary>Name of the algorithm, for titles.</summary>
    public string Algorithm { get; } = algorithm;

    /// <summary>What each tracker has written and missed; empty without <see cref="AlgorithmConfig.Tracking"/>.</summary>
    public IReadOnlyList<TrackerReport> Trackers { get; init; } = [];

    /// <inheritdoc/>
    public int Count => steps.Count;

    /// <inheritdoc/>
    public TrainStep this[int index] => steps[index];

    /// <inheritdoc/>
    public IEnumerator<TrainStep> GetEnumerator() => steps.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
