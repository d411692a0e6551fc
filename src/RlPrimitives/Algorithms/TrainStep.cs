using RlPrimitives.Backprop;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Algorithms;

/// <summary>Everything recorded of one optimizer round.</summary>
/// <param name="Iteration">1-based.</param>
/// <param name="Iterations">How many the run was asked for.</param>
/// <param name="Rewards">Total reward of each usable trajectory; the distribution behind <see cref="RewardMean"/>.</param>
/// <param name="ObjectiveMeans">Mean of each objective by name, abstentions left out.</param>
/// <param name="Advantages">Advantage of each usable trajectory.</param>
/// <param name="ZeroVarianceFraction">Share of groups whose rewards were all equal (no signal), in [0, 1].</param>
/// <param name="Update">What the update measured.</param>
/// <param name="Rollouts">What the collection measured.</param>
/// <param name="UpdateSeconds">Wall time of the update.</param>
public sealed record TrainStep(
    int Iteration, int Iterations, float[] Rewards, IReadOnlyDictionary<string, double> ObjectiveMeans, float[] Advantages,
    double ZeroVarianceFraction, UpdateStatistics Update, RolloutStatistics Rollouts, double UpdateSeconds)
{
    /// <summary>Mean of <see cref="Rewards"/>; NaN where there is none.</summary>
    public double RewardMean => Rewards.Length == 0 ? double.NaN : Rewards.Average(r => (double)r);

    /// <summary>Bessel standard deviation of <see cref="Rewards"/>; 0 for fewer than two.</summary>
    public double RewardStd
    {
        get
        {
            var mean = RewardMean;
            return Rewards.Length < 2 ? 0 : Math.Sqrt(Rewards.Sum(r => (r - mean) * (r - mean)) / (Rewards.Length - 1));
        }
    }
}
