using Spectre.Console;
using Spectre.Console.Rendering;

namespace RlPrimitives.Notebooks.Live;

/// <summary>A bar and numbers in one line of a terminal, drawn over at each state.</summary>
/// <remarks>
/// Spectre.Console's own progress display draws from a thread and holds the console until it is told that the work is done; a training that throws would never say so. Here a state is drawn
/// when it is reported, and what others print in between stays.
/// </remarks>
internal sealed class TerminalView(IAnsiConsole terminal) : ITrainingView
{
    private bool open;

    public TimeSpan UpdateInterval => TimeSpan.FromMilliseconds(200);

    public void Begin() => End();

    public void Show(TrainingPanel panel)
    {
        terminal.Write(new Line(panel));
        open = true;
        if (panel.IsFinal)
        {
            End();
        }
    }

    private void End()
    {
        if (open)
        {
            terminal.WriteLine();
            open = false;
        }
    }

    private sealed class Line(TrainingPanel panel) : Renderable
    {
        private const int BarWidth = 20;
        private const string FromTheStartOfAnEmptyLine = "\r\e[2K";

        protected override IEnumerable<Segment> Render(RenderOptions options, int maxWidth)
        {
            var task = new ProgressTask(0, "training", Math.Max(1, panel.Step.Iterations)) { Value = panel.Step.Iteration };
            var bar = new ProgressBarColumn { Width = BarWidth }.Render(options, task, TimeSpan.Zero).Render(options, BarWidth).Where(s => !s.IsLineBreak);
            var alarms = panel.AlarmsNow.Select(a => new Segment($"  {a}", new Style(Color.Yellow)));
            return [Segment.Control(FromTheStartOfAnEmptyLine), .. Cut([.. bar, new Segment($" {panel.Numbers}"), .. alarms], maxWidth - 1)];
        }

        // A line that wrapped would leave its second row behind.
        private static IEnumerable<Segment> Cut(IEnumerable<Segment> line, int width)
        {
            foreach (var segment in line)
            {
                if (width > 0 && Segment.Truncate(segment, width) is { } piece)
                {
                    width -= piece.CellCount();
                    yield return piece;
                }
            }
        }
    }
}
