using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// Minus the number of tokens by which the response is outside [<see cref="Least"/>, <see cref="Most"/>], in (−∞, 0]. L counts all sampled tokens of all turns, stop tokens
/// included. By default −L: shorter is better.
/// </summary>
public sealed record ResponseLength : IObjective
{
    private ResponseLength(int least, int most) => (Least, Most) = (least, most);

    /// <summary>−L: shorter is better.</summary>
    public ResponseLength()
        : this(0, 0)
    {
    }

    /// <inheritdoc/>
    public string Name { get; init; } = "length";

    /// <summary>Fewest tokens without a loss.</summary>
    public int Least { get; }

    /// <summary>Most tokens without a loss.</summary>
    public int Most { get; }

    /// <summary>−|L − target|.</summary>
    /// <param name="target">Tokens, at least 0.</param>
    public static ResponseLength Near(int target) => Between(target, target);

    /// <summary>−max(0, L − limit): only what exceeds the limit costs.</summary>
    /// <param name="limit">Tokens, at least 0.</param>
    public static ResponseLength AtMost(int limit) => Between(0, limit);

    /// <summary>−max(0, least − L, L − most).</summary>
    /// <param name="least">Tokens, at least 0.</param>
    /// <param name="most">Tokens, at least <paramref name="least"/>.</param>
    public static ResponseLength Between(int least, int most)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(least);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, least);
        return new ResponseLength(least, most);
    }

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        var length = trajectory.ResponseTokens;
        return ValueTask.FromResult<float?>(-Math.Max(0, Math.Max(Least - length, length - Most)));
    }
}
