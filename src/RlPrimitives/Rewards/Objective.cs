using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Objectives made of a function; one with parameters of its own is better an <see cref="IObjective"/>.</summary>
public static class Objective
{
    /// <summary>An objective from a function.</summary>
    /// <param name="name">Its name in records and charts; unique within a computer.</param>
    /// <param name="score">Larger is better; null abstains.</param>
    public static IObjective From(string name, Func<Trajectory, float?> score)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(score);
        return new Function(name, score);
    }

    private sealed record Function(string Name, Func<Trajectory, float?> Score) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult(Score(trajectory));
    }
}
