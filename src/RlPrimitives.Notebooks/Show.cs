using RlPrimitives.Algorithms;

namespace RlPrimitives.Notebooks;

/// <summary>What a notebook shows, one call each: as the last expression of a cell the result shows itself.</summary>
public static partial class Show
{
    private static TrainingHistory Checked(TrainingHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        return history.Count > 0 ? history : throw new ArgumentException("The history has no steps: train at least one iteration before showing it.", nameof(history));
    }

    private static double[] Iterations(TrainingHistory history) => [.. history.Select(s => (double)s.Iteration)];
}
