using System.Diagnostics;
using System.Globalization;
using RlNotebooks.Running;
using Spectre.Console;

namespace RlNotebooks.Commands;

/// <summary>Shows a run while it goes on: live in a terminal, plain lines in a file or pipe.</summary>
internal abstract class RunProgress : IRunListener, IDisposable
{
    protected Lock Gate { get; } = new();

    protected int Cells { get; private set; }

    public static RunProgress For(TextWriter terminal)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(terminal) });
        return Console.IsOutputRedirected || !console.Profile.Capabilities.Interactive ? new PlainProgress(terminal) : new LiveProgress(console);
    }

    public void NotebookStarted(string path, int cells)
    {
        Cells = cells;
        Line($"{path}: {cells} code cells");
    }

    public abstract void CellStarted(int number, string firstLine);

    public abstract void Displayed(string text);

    public abstract void CellFinished(int number, string firstLine, TimeSpan elapsed, CellOutcome outcome);

    public abstract void Dispose();

    protected abstract void Line(string text);

    protected string Describe(int number, string text, TimeSpan elapsed, int length = 70) =>
        string.Create(CultureInfo.InvariantCulture, $"{number,3}/{Cells} {elapsed.TotalSeconds,7:0.0} s  {Cut(text, length)}");

    protected static string LastLine(string text) => Cut(text.TrimEnd().Split('\n')[^1].Trim(), 110);

    private static string Cut(string text, int length) => text.Length <= length ? text : $"{text[..(length - 1)]}…";
}

/// <summary>One line per cell, and every ten seconds the latest display of a long one.</summary>
internal sealed class PlainProgress(TextWriter output) : RunProgress
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private Stopwatch sinceLine = Stopwatch.StartNew();

    public override void CellStarted(int number, string firstLine) => sinceLine = Stopwatch.StartNew();

    public override void Displayed(string text)
    {
        lock (Gate)
        {
            if (sinceLine.Elapsed >= Interval)
            {
                sinceLine.Restart();
                Line($"        {LastLine(text)}");
            }
        }
    }

    public override void CellFinished(int number, string firstLine, TimeSpan elapsed, CellOutcome outcome)
    {
        var mark = outcome switch { CellOutcome.Done => "ok  ", CellOutcome.Failed => "FAIL", _ => "skip" };
        Line($"{mark} {Describe(number, firstLine, elapsed)}");
    }

    public override void Dispose() => output.Flush();

    protected override void Line(string text) => output.WriteLine(text);
}
