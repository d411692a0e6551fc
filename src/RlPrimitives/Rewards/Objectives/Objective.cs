using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>Objectives made of functions: <c>Objective.From("polite", t =&gt; t.Response.Contains("please") ? 1f : 0f)</c>.</summary>
public static class Objective
{
    /// <summary>An objective that may abstain.</summary>
    /// <param name="name">Its name in records and charts.</param>
    /// <param name="score">Larger is better; null abstains.</param>
    public static IObjective From(string name, Func<Trajectory, float?> score)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(score);
        return new FunctionObjective(name, score);
    }

    /// <summary>An objective.</summary>
    /// <param name="name">Its name in records and charts.</param>
    /// <param name="score">Larger is better.</param>
    public static IObjective From(string name, Func<Trajectory, float> score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return From(name, t => (float?)score(t));
    }

    private sealed record FunctionObjective(string Name, Func<Trajectory, float?> Score) : IObjective
    {
        public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken) => ValueTask.FromResult(Score(trajectory));
    }
}
