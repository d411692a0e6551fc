using System.Text.RegularExpressions;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// 1 where the last response matches a pattern, else 0. Anchor the pattern where the whole response is meant. A response that cannot be matched in time has 0:
/// a model must not earn by slowing the matcher down.
/// </summary>
public sealed record RegexFormat : IObjective
{
    private readonly Regex regex;

    /// <summary>A format.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="options">How it is read; by default a dot matches line breaks too, and no culture takes part.</param>
    /// <param name="matchTimeout">Longest time for one response, positive; null for 1 s.</param>
    /// <exception cref="ArgumentException">The pattern is not a regular expression.</exception>
    public RegexFormat(string pattern, RegexOptions options = RegexOptions.Singleline | RegexOptions.CultureInvariant, TimeSpan? matchTimeout = null) =>
        regex = new Regex(pattern, options, matchTimeout ?? TimeSpan.FromSeconds(1));

    /// <inheritdoc/>
    public string Name { get; init; } = "format";

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        try
        {
            return ValueTask.FromResult<float?>(regex.IsMatch(trajectory.Response) ? 1 : 0);
        }
        catch (RegexMatchTimeoutException)
        {
            return ValueTask.FromResult<float?>(0); // as documented: not in the format
        }
    }
}
