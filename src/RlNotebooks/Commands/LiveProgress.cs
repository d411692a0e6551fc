using System.Diagnostics;
using RlNotebooks.Running;
using Spectre.Console;

namespace RlNotebooks.Commands;

/// <summary>Finished cells as lines; below them, live, the running one with its time and the latest state of what it displays.</summary>
internal sealed class LiveProgress : RunProgress
{
    private readonly IAnsiConsole console;
    private readonly CancellationTokenSource ended = new();
    private readonly Task drawing;
    private readonly Stopwatch clock = new();
    private (int Number, string FirstLine) cell;
    private string latest = "";

    public LiveProgress(IAnsiConsole console)
    {
        this.console = console;
        drawing = Task.Run(DrawAsync);
    }

    public override void CellStarted(int number, string firstLine)
    {
        lock (Gate)
        {
            (cell, latest) = ((number, firstLine), "");
            clock.Restart();
        }
    }

    public override void Displayed(string text)
    {
        lock (Gate)
        {
            latest = LastLine(text);
        }
    }

    public override void CellFinished(int number, string firstLine, TimeSpan elapsed, CellOutcome outcome)
    {
        var mark = outcome switch { CellOutcome.Done => "[green]✓[/]", CellOutcome.Failed => "[red]✗[/]", _ => "[dim]-[/]" };
        string display;
        lock (Gate)
        {
            (display, latest) = (latest, "");
        }

        console.MarkupLine($"{mark} {Markup.Escape(Describe(number, firstLine, elapsed))}");
        if (display.Length > 0)
        {
            console.MarkupLine($"              [dim]{Markup.Escape(display)}[/]");
        }
    }

    public override void Dispose()
    {
        ended.Cancel();
        drawing.Wait();
        ended.Dispose();
    }

    protected override void Line(string text) => console.WriteLine(text);

    private async Task DrawAsync() =>
        await console.Status().Spinner(Spinner.Known.Dots).StartAsync("starting", async status =>
        {
            while (!ended.IsCancellationRequested)
            {
                lock (Gate)
                {
                    if (cell.Number > 0)
                    {
                        // One line, never wider than the terminal: a status that wraps leaves its second row behind.
                        var text = Describe(cell.Number, latest.Length > 0 ? latest : cell.FirstLine, clock.Elapsed, length: 110);
                        var room = Math.Max(20, console.Profile.Width - 4);
                        status.Status = Markup.Escape(text.Length > room ? text[..(room - 1)] + "…" : text);
                    }
                }

                await Task.Delay(200, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }).ConfigureAwait(false);
}
