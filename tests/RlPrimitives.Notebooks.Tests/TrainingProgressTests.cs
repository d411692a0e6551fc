using RlPrimitives.Algorithms;
using RlPrimitives.Notebooks.Live;
using Spectre.Console;
using Spectre.Console.Testing;

namespace RlPrimitives.Notebooks.Tests;

public class TrainingProgressTests
{
    private sealed class Recorder : INotebookHost, INotebookOutput
    {
        public List<IReadOnlyDictionary<string, string>> Shown { get; } = [];

        public int Displays { get; private set; }

        public int Completed { get; private set; }

        public string Last => Shown[^1]["text/plain"];

        public bool CanUpdate { get; set; } = true;

        public INotebookOutput Display(IReadOnlyDictionary<string, string> bundle)
        {
            Displays++;
            Update(bundle);
            return this;
        }

        public void Update(IReadOnlyDictionary<string, string> bundle) => Shown.Add(bundle);

        public void Complete() => Completed++;
    }

    private readonly Recorder host = new();
    private readonly ManualTime time = new();

    private TrainingProgress Progress => field ??= new TrainingProgress(ITrainingView.Of(host), time);

    private void Report(int iteration, int iterations = 60, float reward = 0.625f) => Progress.Report(Histories.Step(iteration, iterations, [reward]));

    [Fact]
    public void A_step_is_one_line_of_text_and_a_panel_of_html()
    {
        Report(12);

        // 3 s for the one step seen, 48 to go.
        Assert.Equal("iteration 12/60  reward 0.625  entropy 0.167  kl 0.12  48 tok/s  ETA 02:24", host.Last);
        Assert.Contains("iteration 12 of 60", host.Shown[0]["text/html"], StringComparison.Ordinal);
        Assert.Contains("width:20%", host.Shown[0]["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_held_view_throws_reaches_the_next_report_and_not_the_timers_thread()
    {
        var view = new FailingView();
        var progress = new TrainingProgress(view, time);
        progress.Report(Histories.Step(1, 60, [0]));
        progress.Report(Histories.Step(2, 60, [0])); // held back
        view.Failure = new InvalidOperationException("no paper");
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(2, view.Shown);
        Assert.Equal("no paper", Assert.Throws<InvalidOperationException>(() => progress.Report(Histories.Step(3, 60, [0]))).Message);

        view.Failure = null;
        progress.Report(Histories.Step(4, 60, [0]));
        progress.Report(Histories.Step(5, 60, [0]));
        view.Failure = new OperationCanceledException("the cell was cancelled");
        time.Advance(TimeSpan.FromSeconds(10));
        view.Failure = null;
        progress.Report(Histories.Step(6, 60, [0])); // of a cell that is over, nobody is told
    }

    private sealed class FailingView : ITrainingView
    {
        public Exception? Failure { get; set; }

        public int Shown { get; private set; }

        public TimeSpan UpdateInterval => TimeSpan.FromSeconds(1);

        public void Begin()
        {
        }

        public void Show(TrainingPanel panel)
        {
            Shown++;
            if (Failure is not null)
            {
                throw Failure;
            }
        }
    }

    [Fact]
    public void Updates_are_throttled_but_the_newest_state_comes_when_the_time_is_over()
    {
        for (var i = 1; i <= 20; i++)
        {
            Report(i);
        }

        Assert.Single(host.Shown);
        time.Advance(TimeSpan.FromMilliseconds(199));
        Assert.Single(host.Shown);
        time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(2, host.Shown.Count);
        Assert.StartsWith("iteration 20/60", host.Last, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, host.Shown.Count);
    }

    [Fact]
    public void The_last_iteration_is_shown_at_once_and_ends_the_panel()
    {
        Report(1, 3);
        Report(2, 3);
        Report(3, 3, reward: 1);

        Assert.Equal((1, 2, 1), (host.Displays, host.Shown.Count, host.Completed));
        Assert.StartsWith("iteration 3/3  reward 1 ", host.Last, StringComparison.Ordinal);
        Assert.EndsWith("in 00:03", host.Last, StringComparison.Ordinal);
        Assert.Contains("done in 00:03", host.Shown[^1]["text/html"], StringComparison.Ordinal);
        Assert.Contains("width:100%", host.Shown[^1]["text/html"], StringComparison.Ordinal);
        Assert.Contains("<polyline", host.Shown[^1]["text/html"], StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(2, host.Shown.Count);
    }

    [Fact]
    public void The_time_left_follows_the_pace()
    {
        Report(1, 11);
        time.Advance(TimeSpan.FromSeconds(7));
        Report(2, 11);

        Assert.EndsWith("ETA 00:45", host.Last, StringComparison.Ordinal); // 10 s for 2 steps, 9 to go.
    }

    [Fact]
    public void Alarms_are_in_the_panel_with_their_remedy_and_how_often_and_in_the_line_by_name()
    {
        var alarm = new Alarm("no signal", "100 % of <b>groups</b>", "take other problems");
        Progress.Report(Histories.Step(1, 3, [1]) with { Alarms = [alarm] });
        time.Advance(TimeSpan.FromSeconds(1));
        Progress.Report(Histories.Step(2, 3, [1]) with { Alarms = [alarm with { Message = "99 %" }] });
        Assert.EndsWith("! no signal", host.Last, StringComparison.Ordinal);
        time.Advance(TimeSpan.FromSeconds(1));
        Progress.Report(Histories.Step(3, 3, [1]));
        Assert.DoesNotContain("no signal", host.Last, StringComparison.Ordinal);
        Assert.Contains("100 % of &lt;b&gt;groups&lt;/b&gt;", host.Shown[0]["text/html"], StringComparison.Ordinal);
        Assert.Contains("<b>no signal</b> on 2 steps: 99 %. <i>take other problems</i>", host.Shown[^1]["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void Where_nothing_shown_can_be_replaced_the_end_is_shown_anew()
    {
        host.CanUpdate = false;
        Report(1, 3);
        time.Advance(TimeSpan.FromSeconds(1));
        Report(2, 3);
        time.Advance(TimeSpan.FromSeconds(1));
        Report(3, 3);
        Assert.Equal((2, 1), (host.Displays, host.Completed));
        Assert.Contains("done in 00:05", host.Shown[^1]["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_has_plain_lines_without_a_bar()
    {
        var log = new StringWriter { NewLine = "\n" };
        Run(new HostView(new ConsoleHost(log)));

        Assert.Equal(["iteration 1/4", "iteration 2/4", "iteration 4/4"], log.ToString().TrimEnd('\n').Split('\n').Select(l => l[..13]));
        Assert.DoesNotContain("━", log.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\e', log.ToString());
    }

    [Fact]
    public void A_terminal_has_a_bar_in_one_line_that_is_drawn_over_and_does_not_wrap()
    {
        using var terminal = new TestConsole().Colors(ColorSystem.NoColors).Width(60).SupportsUnicode(true).EmitAnsiSequences();
        Run(new TerminalView(terminal));

        var states = terminal.Output.Split("\r\e[2K")[1..];
        Assert.Equal(3, states.Length);
        Assert.Equal([5, 10, 20], states.Select(s => s.TakeWhile(c => c == '━').Count())); // of 20
        Assert.All(states, s => Assert.Equal("iteration ", s[21..31]));
        Assert.StartsWith("iteration 4/4  reward 1 ", states[2][21..], StringComparison.Ordinal);
        Assert.All(states, s => Assert.InRange(s.TrimEnd('\n').Length, 50, 59)); // one column of the terminal is left: no wrapping
        Assert.Equal([false, false, true], states.Select(s => s.EndsWith('\n')));
        Assert.DoesNotContain('\n', string.Concat(states).TrimEnd('\n'));
    }

    [Fact]
    public void Colours_tell_what_is_done_from_what_is_left_and_alarms_from_numbers()
    {
        using var terminal = new TestConsole().Colors(ColorSystem.TrueColor).Width(200).SupportsUnicode(true).EmitAnsiSequences();
        var progress = new TrainingProgress(new TerminalView(terminal), time);
        progress.Report(Histories.Step(1, 4, [1]) with { Alarms = [new Alarm("no [signal]", "all groups agree", "take other problems")] });

        Assert.Matches("\e\\[[0-9;]+m━{5}\e\\[0m\e\\[[0-9;]+m━{15}\e\\[0m", terminal.Output);
        Assert.Matches("\e\\[[0-9;]+m  ! no \\[signal\\]\e\\[0m", terminal.Output); // markup in a name is text
    }

    [Fact]
    public void A_run_after_one_that_broke_off_gets_a_line_of_its_own_and_what_is_printed_between_states_stays()
    {
        using var terminal = new TestConsole().Colors(ColorSystem.NoColors).Width(200).EmitAnsiSequences();
        var progress = new TrainingProgress(new TerminalView(terminal), time);
        progress.Report(Histories.Step(1, 4, [1]));
        terminal.WriteLine(" printed");
        time.Advance(TimeSpan.FromSeconds(1));
        progress.Report(Histories.Step(2, 4, [1]));
        progress.Report(Histories.Step(1, 4, [1])); // another run

        var lines = terminal.Output.Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.EndsWith(" printed", lines[0], StringComparison.Ordinal);
        Assert.Contains("iteration 2/4", lines[1], StringComparison.Ordinal);
        Assert.Contains("iteration 1/4", lines[2], StringComparison.Ordinal);
    }

    private void Run(ITrainingView view)
    {
        var progress = new TrainingProgress(view, time);
        progress.Report(Histories.Step(1, 4, [1]));
        time.Advance(TimeSpan.FromSeconds(11));
        progress.Report(Histories.Step(2, 4, [1]));
        progress.Report(Histories.Step(4, 4, [1]));
    }

    [Fact]
    public void A_second_run_gets_its_own_panel()
    {
        Report(1, 2);
        Report(2, 2);
        Report(1, 2);

        Assert.Equal(2, host.Displays);
    }

    [Fact]
    public void A_step_without_rewards_is_shown_without_nonsense()
    {
        Progress.Report(Histories.Step(1, 2, []));
        Progress.Report(Histories.Step(2, 2, []));

        Assert.Contains("reward n/a", host.Last, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", host.Shown[^1]["text/html"], StringComparison.Ordinal);
    }

    [Fact]
    public void Training_shows_through_the_current_host()
    {
        NotebookHost.Current = host;
        try
        {
            Show.Training().Report(Histories.Step(1, 1, [1]));
        }
        finally
        {
            NotebookHost.Current = null!;
        }

        Assert.Single(host.Shown);
    }
}
