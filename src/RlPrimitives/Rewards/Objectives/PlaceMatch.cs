using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// The share of places at which the last response has what the answer has, (equal places)/max(length of response, length of answer), in [0, 1]: a graded score for sorting and
/// reversal. Items are what white space separates in an answer that has any; otherwise characters. Abstains where the problem has no answer.
/// </summary>
public sealed record PlaceMatch : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "place_match";

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var answer = trajectory.Problem.Answer.Trim();
        if (answer.Length == 0)
        {
            return ValueTask.FromResult<float?>(null);
        }

        var isSeparated = answer.Any(char.IsWhiteSpace);
        var (wanted, given) = (Items(answer), Items(trajectory.Response.Trim()));
        return ValueTask.FromResult<float?>((float)wanted.Zip(given).Count(p => p.First == p.Second) / Math.Max(wanted.Length, given.Length));

        string[] Items(string text) => isSeparated ? text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) : [.. text.EnumerateRunes().Select(r => r.ToString())];
    }
}
