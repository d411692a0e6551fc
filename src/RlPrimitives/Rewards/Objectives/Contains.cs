using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>1 where the last response contains a text, else 0. Characters compare by code, in no culture.</summary>
/// <param name="Text">What is looked for; null for the problem's answer, trimmed: abstains where there is none.</param>
public sealed record Contains(string? Text = null) : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "contains";

    /// <summary>What is looked for; not empty.</summary>
    public string? Text { get; init => field = NotEmpty(value); } = NotEmpty(Text);

    /// <summary>Whether upper and lower case are the same.</summary>
    public bool IgnoreCase { get; init; }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var wanted = Text ?? trajectory.Problem.Answer.Trim();
        var found = trajectory.Response.Contains(wanted, IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
        return ValueTask.FromResult<float?>(wanted.Length == 0 ? null : found ? 1 : 0);
    }

    private static string? NotEmpty(string? text) =>
        text is not "" ? text : throw new ArgumentException("Every response contains the empty text; give one, or null for the problem's answer.", nameof(text));
}
