namespace RlPrimitives.Environments;

/// <summary>How self-verification goes.</summary>
public sealed record SvrlOptions
{
    /// <summary>What an episode may spend on tools, at least 0; a state that carries a <see cref="ToolBudget"/> after its reset keeps its own.</summary>
    public int Budget
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(Budget), value, "Budget must be at least 0.");
    } = 4;

    /// <summary>How calls and results are written.</summary>
    public IToolFormat Format { get; init; } = new BracketToolFormat();

    /// <summary>Time, length and cost of calls.</summary>
    public ToolOptions Tools { get; init; } = new();

    /// <summary>
    /// Said once after an answer without calls, while there is budget left: the model may then verify and revise, and its next answer stands. Null: the first answer
    /// without calls stands.
    /// </summary>
    public string? Review { get; init; }

    /// <summary>Most responses of one episode, at least 1; one more makes it truncated.</summary>
    public int MaxTurns
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(MaxTurns), value, "MaxTurns must be at least 1.");
    } = 16;
}
