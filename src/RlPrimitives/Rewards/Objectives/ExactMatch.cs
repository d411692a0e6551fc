using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>1 where the last response is the reference answer, else 0; abstains where the problem has no answer. Surrounding white space is ignored; characters compare by code, in no culture.</summary>
public sealed record ExactMatch : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "exact_match";

    /// <summary>Whether upper and lower case are the same.</summary>
    public bool IgnoreCase { get; init; }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var answer = trajectory.Problem.Answer.AsSpan().Trim();
        var same = trajectory.Response.AsSpan().Trim().Equals(answer, IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        return ValueTask.FromResult<float?>(answer.IsEmpty ? null : same ? 1 : 0);
    }
}
