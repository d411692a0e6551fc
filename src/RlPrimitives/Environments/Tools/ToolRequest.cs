namespace RlPrimitives.Environments;

/// <summary>A call of a tool as it was read from a response.</summary>
/// <param name="Tool">The name written.</param>
/// <param name="Arguments">A JSON object, or a plain text that becomes the tool's only argument.</param>
/// <param name="Error">Why it cannot be carried out; null where it reads well.</param>
public sealed record ToolRequest(string Tool, string Arguments, string? Error = null);
