namespace RlPrimitives.Environments;

/// <summary>One call of a tool that the model asked for, and what came of it.</summary>
/// <param name="Tool">Name of the tool as the model wrote it.</param>
/// <param name="Arguments">The arguments as the model wrote them.</param>
/// <param name="Result">The text given back to the model: the tool's output, or what went wrong.</param>
/// <param name="Error">What went wrong; null where the tool answered.</param>
/// <param name="IsCut">Whether the output was longer than allowed and is given in part.</param>
/// <param name="Seconds">Wall time of the call; 0 where it was refused.</param>
public sealed record ToolCall(string Tool, string Arguments, string Result, string? Error = null, bool IsCut = false, double Seconds = 0)
{
    /// <summary>What the call spent of the budget; 0 where it was refused.</summary>
    public int Cost { get; init; }
}
