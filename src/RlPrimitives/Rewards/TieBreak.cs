namespace RlPrimitives.Rewards;

/// <summary>An objective that takes part in a comparison.</summary>
/// <param name="Objective">Its place among the computer's objectives.</param>
/// <param name="Sign">+1, or −1 where its weight is negative: the coordinate is the score times this.</param>
public readonly record struct ParetoAxis(int Objective, int Sign);

/// <summary>What tells members of one front apart.</summary>
public interface ITieBreak
{
    /// <summary>How isolated each point is among its front, in [0, 1], larger is better, [n].</summary>
    /// <param name="front">The distinct points of one front, in lexicographic order, maximised, [n][axes].</param>
    /// <param name="axes">What each coordinate is.</param>
    double[] Isolation(double[][] front, ParetoAxis[] axes);
}

/// <summary>The tie-breaks that come with the library.</summary>
public static class TieBreak
{
    /// <summary>t = 0: members of a front have equal rewards.</summary>
    public static NoTieBreak None { get; } = new();

    /// <summary>By crowding distance d: t = 1 at the ends of a front, ½·d between them.</summary>
    public static CrowdingTieBreak Crowding { get; } = new();

    /// <summary>By hypervolume contribution c within the front: t = c / max c.</summary>
    /// <param name="reference">The reference point, one number for each objective of the computer, as scored: worse than whatever is to count.</param>
    public static HypervolumeTieBreak Hypervolume(params double[] reference) => new(reference);
}

/// <summary>t = 0: members of a front have equal rewards.</summary>
public sealed record NoTieBreak : ITieBreak
{
    /// <inheritdoc/>
    public double[] Isolation(double[][] front, ParetoAxis[] axes)
    {
        ArgumentNullException.ThrowIfNull(front);
        return new double[front.Length];
    }
}

/// <summary>By crowding distance d (see <see cref="Pareto.CrowdingDistance"/>): t = 1 at the ends of a front (d = ∞), ½·d ≤ ½ between them. Deb et al. 2002 (NSGA-II).</summary>
public sealed record CrowdingTieBreak : ITieBreak
{
    /// <inheritdoc/>
    public double[] Isolation(double[][] front, ParetoAxis[] axes) =>
        Array.ConvertAll(Pareto.CrowdingDistance(front), d => double.IsPositiveInfinity(d) ? 1 : d / 2);
}

/// <summary>
/// By hypervolume contribution c within the front (see <see cref="Pareto.HypervolumeContributions"/>): t = c / max c, 0 where all are 0.
/// Emmerich, Beume, Naujoks 2005, "An EMO algorithm using the hypervolume measure as selection criterion", EMO 2005 (SMS-EMOA).
/// </summary>
/// <param name="Reference">The reference point, one number for each objective of the computer, as scored: worse than whatever is to count. At most 4 objectives take part.</param>
public sealed record HypervolumeTieBreak(double[] Reference) : ITieBreak
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The reference point is too short, or more than 4 objectives take part.</exception>
    public double[] Isolation(double[][] front, ParetoAxis[] axes)
    {
        ArgumentNullException.ThrowIfNull(axes);
        if (axes.Max(a => a.Objective) >= Reference.Length)
        {
            throw new ArgumentException($"The reference point has {Reference.Length} numbers; objective {axes.Max(a => a.Objective)} has none.", nameof(axes));
        }

        var contributions = Pareto.HypervolumeContributions(front, Array.ConvertAll(axes, a => a.Sign * Reference[a.Objective]));
        var largest = contributions.Max();
        return Array.ConvertAll(contributions, c => largest > 0 ? c / largest : 0);
    }
}
