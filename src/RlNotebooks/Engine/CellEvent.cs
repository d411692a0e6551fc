namespace RlNotebooks.Engine;

/// <summary>Something a cell showed while it ran. Events of one session come one at a time.</summary>
/// <param name="CellId">The cell it came from, also when it comes late from one of its tasks.</param>
public abstract record CellEvent(string CellId);

/// <summary>Console text.</summary>
/// <param name="CellId">The cell.</param>
/// <param name="IsError">Standard error instead of standard output.</param>
/// <param name="Text">As written.</param>
public sealed record StreamWritten(string CellId, bool IsError, string Text) : CellEvent(CellId);

/// <summary>A new output.</summary>
/// <param name="CellId">The cell.</param>
/// <param name="DisplayId">Names the output in later updates; unique in the session.</param>
/// <param name="Bundle">MIME type → content, JSON types as JSON text.</param>
public sealed record DisplayShown(string CellId, string DisplayId, IReadOnlyDictionary<string, string> Bundle) : CellEvent(CellId);

/// <summary>A new state of an earlier output.</summary>
/// <param name="CellId">The cell that replaced it, which may be a later one than the cell that showed it.</param>
/// <param name="DisplayId">Which output.</param>
/// <param name="Bundle">MIME type → content, JSON types as JSON text.</param>
public sealed record DisplayUpdated(string CellId, string DisplayId, IReadOnlyDictionary<string, string> Bundle) : CellEvent(CellId);

/// <summary>What the cell showed so far is to go.</summary>
/// <param name="CellId">The cell.</param>
/// <param name="Wait">Only when something new comes: no flicker.</param>
public sealed record OutputCleared(string CellId, bool Wait) : CellEvent(CellId);

/// <summary>A cell wants a line of text from the person at the notebook.</summary>
/// <param name="CellId">The cell.</param>
/// <param name="Prompt">What to say.</param>
/// <param name="IsSecret">Do not show what is typed.</param>
public sealed record InputQuestion(string CellId, string Prompt, bool IsSecret);
