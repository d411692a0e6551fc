namespace RlNotebooks.Running;

/// <summary>How to run a notebook.</summary>
public sealed record RunOptions
{
    /// <summary>Where the executed notebook and the page go.</summary>
    public required string OutputFolder { get; init; }

    /// <summary>Write the executed notebook over its source instead.</summary>
    public bool InPlace { get; init; }

    /// <summary>Also leave a self-contained page.</summary>
    public bool WritesPage { get; init; } = true;

    /// <summary>Compare the new outputs with the saved ones; differences fail the run.</summary>
    public bool Check { get; init; }

    /// <summary>Largest relative difference of two numbers that <see cref="Check"/> lets pass.</summary>
    public double Tolerance { get; init; } = 0.01;

    /// <summary>Values for the cell tagged <c>parameters</c>, as typed on the command line.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    /// <summary>Time limit of one cell.</summary>
    public TimeSpan? CellTimeout { get; init; }

    /// <summary>Time limit of one notebook.</summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>How a run ended.</summary>
/// <param name="NotebookPath">The executed notebook.</param>
/// <param name="PagePath">The self-contained page; null when none was asked for.</param>
/// <param name="Elapsed">Time the cells took.</param>
/// <param name="Failure">Null when every cell did what it should.</param>
public sealed record RunReport(string NotebookPath, string? PagePath, TimeSpan Elapsed, RunFailure? Failure)
{
    /// <summary>What differs from the saved outputs, when that was asked for.</summary>
    public IReadOnlyList<string> Differences { get; init; } = [];
}

/// <summary>The cell that ended a run.</summary>
/// <param name="CellNumber">Among the code cells, from 1.</param>
/// <param name="Line">Line of the cell, from 1; null where it is not known.</param>
/// <param name="SourceLine">That line, or the cell's first.</param>
/// <param name="Error">Type and message.</param>
/// <param name="Cancelled">Ended by the user, not by an error or a time limit.</param>
public sealed record RunFailure(int CellNumber, int? Line, string SourceLine, string Error, bool Cancelled)
{
    /// <summary>All of it in one line.</summary>
    public override string ToString() => $"code cell {CellNumber}{(Line is { } l ? $", line {l}" : "")} ({SourceLine}): {Error}";
}

/// <summary>Hears of a run while it goes on. Calls come one at a time, from any thread.</summary>
public interface IRunListener
{
    /// <summary>A notebook begins.</summary>
    void NotebookStarted(string path, int cells);

    /// <summary>A code cell begins.</summary>
    void CellStarted(int number, string firstLine);

    /// <summary>A display changed; its text.</summary>
    void Displayed(string text);

    /// <summary>A code cell ended.</summary>
    void CellFinished(int number, string firstLine, TimeSpan elapsed, CellOutcome outcome);
}

/// <summary>What became of a cell.</summary>
public enum CellOutcome
{
    /// <summary>It ran.</summary>
    Done,

    /// <summary>It ended the run.</summary>
    Failed,

    /// <summary>It was tagged to be left out.</summary>
    Skipped,
}
