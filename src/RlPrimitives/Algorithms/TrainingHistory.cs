using System.Collections;

namespace RlPrimitives.Algorithms;

/// <summary>The recorded steps of one run, oldest first.</summary>
/// <param name="algorithm">Name of the algorithm, for titles.</param>
/// <param name="steps">The steps.</param>
public sealed class TrainingHistory(string algorithm, IReadOnlyList<TrainStep> steps) : IReadOnlyList<TrainStep>
{
    /// <summary>Name of the algorithm, for titles.</summary>
    public string Algorithm { get; } = algorithm;

    /// <inheritdoc/>
    public int Count => steps.Count;

    /// <inheritdoc/>
    public TrainStep this[int index] => steps[index];

    /// <inheritdoc/>
    public IEnumerator<TrainStep> GetEnumerator() => steps.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
