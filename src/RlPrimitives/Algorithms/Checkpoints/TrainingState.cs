using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Where a training stands between two iterations, beside weights and history.</summary>
/// <param name="Schema">Version of this layout.</param>
/// <param name="Algorithm">Name of the algorithm.</param>
/// <param name="Iteration">Iterations done.</param>
/// <param name="Rollouts">Where the rollout manager stands: random streams and the place among the problems.</param>
/// <param name="ProblemsFingerprint">Of the problems in their order: other problems would make another run.</param>
/// <param name="Backprop">Where the backprop module stands.</param>
/// <param name="FirstEntropy">Entropy of the first step, which alarms compare with; null before.</param>
/// <param name="BestValue">Best value so far; null where there is none.</param>
/// <param name="BestIteration">Its iteration; 0 where there is none.</param>
/// <param name="Versions">Of this library, TorchSharp and .NET.</param>
/// <param name="Configuration">What was configured, as text, to be compared by a reader.</param>
public sealed record TrainingState(
    int Schema, string Algorithm, int Iteration, RolloutState Rollouts, string ProblemsFingerprint, BackpropState Backprop, double? FirstEntropy, double? BestValue,
    int BestIteration, IReadOnlyDictionary<string, string> Versions, IReadOnlyDictionary<string, string> Configuration)
{
    /// <summary>The layout written by this version.</summary>
    public const int CurrentSchema = 1;
}
