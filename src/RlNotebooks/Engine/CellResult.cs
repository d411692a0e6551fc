namespace RlNotebooks.Engine;

/// <summary>How a cell ended.</summary>
public enum CellStatus
{
    /// <summary>It ran to its end.</summary>
    Succeeded,

    /// <summary>It did not compile, or threw.</summary>
    Failed,

    /// <summary>Its cancellation token ended it.</summary>
    Cancelled,
}

/// <summary>The end of one cell.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="ExecutionCount">1 for the first cell the session ran.</param>
/// <param name="Value">MIME type → content of the trailing expression; null without one.</param>
/// <param name="Error">Set when <paramref name="Status"/> is not <see cref="CellStatus.Succeeded"/>.</param>
public sealed record CellResult(CellStatus Status, int ExecutionCount, IReadOnlyDictionary<string, string>? Value, CellError? Error);

/// <summary>What went wrong in a cell, without machine paths.</summary>
/// <param name="Name">The exception's type name, or <c>CompilationError</c>.</param>
/// <param name="Message">The message; for a compilation error the first diagnostic.</param>
/// <param name="Traceback">Lines to show, the first holding name and message.</param>
/// <param name="Line">Line of the cell, from 1; null where it is not known.</param>
public sealed record CellError(string Name, string Message, IReadOnlyList<string> Traceback, int? Line);
