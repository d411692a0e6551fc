namespace RlNotebooks.Engine;

/// <summary>One cell to run.</summary>
/// <param name="Id">The notebook's own id of the cell; comes back in every event.</param>
/// <param name="Name">What stack frames and diagnostics call it, for example <c>cell 3</c>.</param>
/// <param name="Code">C# script.</param>
public sealed record CellCode(string Id, string Name, string Code);
