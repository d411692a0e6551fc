using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>One thing that is wanted of a trajectory, as a number.</summary>
public interface IObjective
{
    /// <summary>Its name in records and charts; unique within a computer.</summary>
    string Name { get; }

    /// <summary>The score, larger is better; null abstains: the trajectory is not counted for this objective.</summary>
    ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken);
}
