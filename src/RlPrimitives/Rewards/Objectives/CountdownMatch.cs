using System.Globalization;
using RlPrimitives.Environments;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// 1 where the last response is an expression that reaches the target from the given numbers, any solution; else 0, see <see cref="Countdown.IsSolved"/>. Only its last line
/// is looked at. Reads the problem's fields "numbers" and "target"; abstains where they are missing.
/// </summary>
public sealed record CountdownMatch : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "countdown";

    /// <inheritdoc/>
    /// <exception cref="FormatException">A field is there but holds no numbers.</exception>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var fields = trajectory.Problem.Fields;
        if (!fields.TryGetValue("numbers", out var numbers) || !fields.TryGetValue("target", out var target))
        {
            return ValueTask.FromResult<float?>(null);
        }

        var given = numbers.Split([' ', ',', '[', ']'], StringSplitOptions.RemoveEmptyEntries).Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var expression = trajectory.Response.TrimEnd().Split('\n')[^1];
        return ValueTask.FromResult<float?>(Countdown.IsSolved(expression, given, int.Parse(target, CultureInfo.InvariantCulture)) ? 1 : 0);
    }
}
