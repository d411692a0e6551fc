using System.Collections.Immutable;

namespace RlPrimitives.Models;

/// <summary>Low-rank adaptation (Hu et al. 2021, arXiv:2106.09685): y = W·x + s·B·(A·x), W frozen, A and B trained. Defaults are PEFT's.</summary>
public sealed record LoraConfig
{
    /// <summary>r, rows of A and columns of B; at least 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public int Rank
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(Rank), value, "The rank of an adapter is at least 1; 8 to 64 are usual.");
    } = 8;

    /// <summary>α; the update is scaled by s = α/r, or by α/√r where <see cref="RankStabilized"/>. Above 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is not a finite number above 0.</exception>
    public double Alpha
    {
        get;
        init => field = value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(Alpha), value, "Alpha is a finite number above 0; once or twice the rank is usual.");
    } = 8;

    /// <summary>
    /// Which linear layers are adapted: a layer whose name is one of these or ends in a dot and one of these
    /// (<c>q_proj</c>, <c>c_attn</c>, <c>mlp.c_proj</c>). Empty for all but the output head.
    /// </summary>
    /// <exception cref="ArgumentException">A name is empty.</exception>
    public ImmutableArray<string> TargetModules
    {
        get;
        init => field = !value.IsDefault && value.All(t => !string.IsNullOrWhiteSpace(t))
            ? value
            : throw new ArgumentException("A target module's name is empty; give names such as \"q_proj\", or no list at all for every linear layer.", nameof(TargetModules));
    } = [];

    /// <summary>Whether s = α/√r (Kalajdzievski 2023, arXiv:2312.03732), which keeps the size of the update when the rank grows.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>s, what B·A is multiplied by.</summary>
    public double Scale => RankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <inheritdoc/>
    public bool Equals(LoraConfig? other) =>
        other is not null && Rank == other.Rank && Alpha.Equals(other.Alpha) && RankStabilized == other.RankStabilized && TargetModules.SequenceEqual(other.TargetModules);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, Alpha, RankStabilized, TargetModules.Length);
}
