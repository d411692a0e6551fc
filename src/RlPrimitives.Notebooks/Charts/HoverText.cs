using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Charts;

/// <summary>What is read over a point: which trajectory it is and how its response begins.</summary>
internal sealed class HoverText
{
    private const int Budget = 6_000, Named = 3;
    private readonly IReadOnlyList<Trajectory>? trajectories;
    private readonly Func<int, string> name;
    private readonly int characters;

    /// <param name="trajectories">Null: a trajectory is its place in the batch.</param>
    /// <param name="count">How many there are: the more, the shorter each text, for a figure has a size.</param>
    /// <param name="parameter">Name of the argument that holds the trajectories.</param>
    /// <exception cref="ArgumentException">There is another number of trajectories.</exception>
    public HoverText(IReadOnlyList<Trajectory>? trajectories, int count, string parameter = "trajectories")
    {
        if (trajectories is not null && trajectories.Count != count)
        {
            throw new ArgumentException($"{trajectories.Count} trajectories for {count} scored ones: give those that were scored, in their order.", parameter);
        }

        this.trajectories = trajectories;
        name = i => this.trajectories is { } known ? FormattableString.Invariant($"{known[i].Group}.{known[i].Member}") : FormattableString.Invariant($"{i}");
        characters = Math.Clamp(Budget / Math.Max(1, count), 0, 80);
    }

    /// <param name="names">A name for each point.</param>
    public HoverText(IReadOnlyList<string> names) => name = i => names[i];

    /// <summary>The trajectories at one place, the first few by name.</summary>
    public string Of(params IReadOnlyList<int> indices)
    {
        var names = string.Join(", ", indices.Take(Named).Select(name)) + (indices.Count > Named ? FormattableString.Invariant($" and {indices.Count - Named} more") : "");
        var text = PlotlyText.Escape(trajectories is null ? names : "trajectory " + names);
        return trajectories is null || characters < 20 ? text : text + "<br>" + PlotlyText.Escape(Beginning(trajectories[indices[0]].Response.ReplaceLineEndings("⏎")));
    }

    private string Beginning(string response)
    {
        if (response.Length <= characters)
        {
            return "“" + response + "”";
        }

        return "“" + response[..(char.IsHighSurrogate(response[characters - 1]) ? characters - 1 : characters)] + "…”";
    }
}
