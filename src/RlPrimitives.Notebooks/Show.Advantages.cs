using Plotly.NET;
using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Charts;
using RlPrimitives.Rollouts;
using static RlPrimitives.Notebooks.Formatting.Numbers;

namespace RlPrimitives.Notebooks;

public static partial class Show
{
    private const int MostDots = 400;

    /// <summary>
    /// What the method makes of the rewards: the advantage of each trajectory against its reward, by whether the update makes it more likely, less likely or
    /// neither. Equal points are one dot, the larger the more there are.
    /// </summary>
    /// <param name="rewards">One for each trajectory; null: it has none and is left out.</param>
    /// <param name="advantages">One for each trajectory.</param>
    /// <param name="trajectories">In the same order, so that a dot says which it is.</param>
    /// <param name="title">Replaces the title, which counts them.</param>
    /// <exception cref="ArgumentException">The lengths differ, or there is no trajectory with both numbers.</exception>
    public static Chart Advantages(
        IReadOnlyList<float?> rewards, IReadOnlyList<float> advantages, IReadOnlyList<Trajectory>? trajectories = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        ArgumentNullException.ThrowIfNull(advantages);
        return rewards.Count == advantages.Count
            ? Advantages(rewards, advantages, new HoverText(trajectories, rewards.Count), title)
            : throw new ArgumentException($"{advantages.Count} advantages for {rewards.Count} rewards: give one for each.", nameof(advantages));
    }

    /// <inheritdoc cref="Advantages(IReadOnlyList{float?}, IReadOnlyList{float}, IReadOnlyList{Trajectory}?, string?)"/>
    public static Chart Advantages(
        IReadOnlyList<float> rewards, IReadOnlyList<float> advantages, IReadOnlyList<Trajectory>? trajectories = null, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(rewards);
        return Advantages([.. rewards.Select(r => (float?)r)], advantages, trajectories, title);
    }

    /// <summary>Rewards and advantages that a step has recorded.</summary>
    /// <param name="step">The step.</param>
    /// <param name="title">Replaces the title.</param>
    /// <exception cref="ArgumentException">The step has no rewards.</exception>
    public static Chart Advantages(TrainStep step, string? title = null)
    {
        ArgumentNullException.ThrowIfNull(step);
        return Advantages(step.Rewards, step.Advantages, null, title);
    }

    private static Chart Advantages(IReadOnlyList<float?> rewards, IReadOnlyList<float> advantages, HoverText hover, string? title)
    {
        var places = Enumerable.Range(0, rewards.Count).Where(i => rewards[i] is { } r && float.IsFinite(r) && float.IsFinite(advantages[i]))
            .GroupBy(i => (Reward: Rounded(rewards[i]!.Value), Advantage: Rounded(advantages[i]))).Select(g => (g.Key.Reward, g.Key.Advantage, Members: g.ToArray())).ToArray();
        if (places.Length == 0)
        {
            throw new ArgumentException("No trajectory has both a reward and an advantage.", nameof(rewards));
        }

        var stride = Thinning.Stride(places.Length, MostDots);
        (string Name, int Sign, string Colour)[] kinds = [("made more likely", 1, Palette.Blue), ("made less likely", -1, Palette.Vermillion), ("no signal", 0, Palette.Grey)];
        var traces = new List<Trace>();
        foreach (var (name, sign, colour) in kinds)
        {
            var mine = places.Where(p => Math.Sign(p.Advantage) == sign).Where((_, i) => i % stride == 0).ToArray();
            if (mine.Length > 0)
            {
                traces.Add(Traces.Dots(
                    name, [.. mine.Select(p => p.Reward)], [.. mine.Select(p => p.Advantage)], colour, mine.Select(p => Math.Round(Math.Min(7 * Math.Sqrt(p.Members.Length), 28), 1)).ToArray(),
                    [.. mine.Select(p => $"reward {Short(p.Reward)}, advantage {Short(p.Advantage)}<br>{hover.Of(p.Members)}")]));
            }
        }

        int Of(int sign) => places.Where(p => Math.Sign(p.Advantage) == sign).Sum(p => p.Members.Length);
        title ??= $"Of {Count(places.Sum(p => p.Members.Length), "trajectory", "trajectories")} {Of(1)} are made more likely, {Of(-1)} less, {Of(0)} give no signal";
        return Chart.Of(title, Layouts.Of(title, new Panel("reward per trajectory", "advantage, mean over its tokens")), traces);
    }

    private static string Count(int count, string one, string many) => FormattableString.Invariant($"{count} {(count == 1 ? one : many)}");
}
