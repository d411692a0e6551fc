using RlPrimitives.Notebooks.Live;

namespace RlPrimitives.Notebooks.Tests;

public class TrainingProgressTests
{
    private sealed class Recorder : INotebookHost, INotebookOutput
    {
        public List<IReadOnlyDictionary<string, string>> Shown { get; } = [];

        public int Displays { get; private set; }

        public int Completed { get; private set; }

        public string Last => Shown[^1]["text/plain"];

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

    private TrainingProgress Progress => field ??= new TrainingProgress(host, time);

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
