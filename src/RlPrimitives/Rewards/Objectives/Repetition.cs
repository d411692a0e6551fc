using RlPrimitives.Rollouts;

namespace RlPrimitives.Rewards;

/// <summary>
/// Minus the share of n-grams of sampled tokens that occurred before in the same turn, −(all − distinct)/all over all turns, in (−1, 0]; 0 where no turn has n tokens.
/// Tokens rather than words: the same in every script.
/// </summary>
/// <param name="N">Tokens of an n-gram, at least 1.</param>
public sealed record Repetition(int N = 3) : IObjective
{
    /// <inheritdoc/>
    public string Name { get; init; } = "repetition";

    /// <summary>Tokens of an n-gram, at least 1.</summary>
    public int N { get; init => field = AtLeastOne(value); } = AtLeastOne(N);

    /// <inheritdoc/>
    public ValueTask<float?> ScoreAsync(Trajectory trajectory, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trajectory);
        int all = 0, repeated = 0;
        foreach (var turn in trajectory.Turns.IsDefault ? [] : trajectory.Turns)
        {
            var seen = new HashSet<ArraySegment<int>>(Grams.Instance);
            for (var start = 0; start + N <= turn.TokenIds.Length; start++)
            {
                all++;
                repeated += seen.Add(new ArraySegment<int>(turn.TokenIds, start, N)) ? 0 : 1;
            }
        }

        return ValueTask.FromResult<float?>(all == 0 ? 0 : -(float)repeated / all);
    }

    private static int AtLeastOne(int n) => n >= 1 ? n : throw new ArgumentOutOfRangeException(nameof(n), n, "An n-gram has at least 1 token.");

    private sealed class Grams : IEqualityComparer<ArraySegment<int>>
    {
        public static Grams Instance { get; } = new();

        public bool Equals(ArraySegment<int> x, ArraySegment<int> y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(ArraySegment<int> obj)
        {
            var hash = default(HashCode);
            hash.AddBytes(System.Runtime.InteropServices.MemoryMarshal.AsBytes(obj.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
