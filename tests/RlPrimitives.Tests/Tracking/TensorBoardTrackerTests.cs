using RlPrimitives.Tests.Models;
using RlPrimitives.Tracking;

namespace RlPrimitives.Tests.Tracking;

public class TensorBoardTrackerTests
{
    [Fact]
    public async Task An_event_file_begins_with_its_version_and_every_checksum_holds()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path));
        var events = Events(folder);
        Assert.Equal("brain.Event:2", events[0].Text(3));
        Assert.All(events, e => Assert.True(e.Real(1) > 1.7e9)); // seconds
    }

    [Fact]
    public async Task Numbers_are_scalars_under_their_names_and_steps()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path));
        var means = Values(folder).Where(v => v.Value.Text(1) == "reward/mean").ToArray();
        Assert.Equal([(1, 0.25f), (2, 0.5f), (3, 0.75f)], means.Select(v => ((int)v.Step, v.Value.Single(2))));
    }

    [Fact]
    public async Task A_distribution_is_a_histogram_that_counts_every_number_once()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path), steps: 1);
        var histogram = Values(folder).Single(v => v.Value.Text(1) == "reward/distribution").Value.Message(5);
        Assert.Equal((0, 1, 4, 2.25, 2.0625), (histogram.Real(1), histogram.Real(2), histogram.Real(3), histogram.Real(4), histogram.Real(5)));
        var (limits, counts) = (histogram.Reals(6), histogram.Reals(7));
        Assert.Equal(limits.Length, counts.Length);
        Assert.Equal(limits.Order(), limits);
        Assert.Equal((1, 1, 2, 1.0), (counts[0], counts.Where((_, i) => limits[i] is > 0.2 and < 0.3).Sum(), counts[^1], limits[^1]));
    }

    [Theory]
    [InlineData(new float[] { 3, 3, 3 }, 3)]
    [InlineData(new[] { float.NaN, 1, float.PositiveInfinity }, 1)]
    [InlineData(new[] { float.MinValue, float.MaxValue }, 2)]
    [InlineData(new[] { 1f, 1.0000001f }, 2)]
    public void Odd_distributions_are_counted_too(float[] numbers, double finite) =>
        Assert.Equal(finite, new ProtoFields(EventMessages.Histogram("x", numbers)!.ToArray()).Message(5).Reals(7).Sum());

    [Fact]
    public void A_distribution_without_finite_numbers_is_no_histogram() => Assert.Null(EventMessages.Histogram("x", [float.NaN]));

    [Fact]
    public async Task Completions_are_text_that_no_markdown_of_theirs_breaks_out_of()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path, completions: 2), steps: 1);
        var value = Values(folder).Single(v => v.Value.Text(1) == "completions").Value;
        Assert.Equal("text", value.Message(9).Message(1).Text(1));
        var tensor = value.Message(8);
        Assert.Equal((7L, 2L), (tensor.Integer(1), tensor.Message(2).Message(2).Integer(1)));
        var second = tensor.Texts(8).ElementAt(1);
        Assert.Contains("reward 0, advantage -0.5, Truncated, 8 tokens, right 0, short 0.5", second, StringComparison.Ordinal);
        Assert.Contains("````\n```<script>", second, StringComparison.Ordinal); // the fence is longer than the text's own
    }

    [Fact]
    public async Task Alarms_and_the_end_are_text()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path), outcome: new RunOutcome(RunStatus.Failed, Sample.Time, "boom"));
        var texts = Values(folder).Where(v => v.Value.Text(1) is "alarms" or "outcome").Select(v => v.Value.Message(8).Texts(8).Single());
        Assert.Equal(["**no signal**: all groups are equal. larger groups.", "**Failed** boom"], texts);
    }

    [Fact]
    public async Task A_run_that_is_continued_gets_another_file_and_loses_nothing()
    {
        using var folder = new TemporaryFolder();
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path));
        await Sample.PlayAsync(new TensorBoardTracker(folder.Path));
        Assert.Equal(2, Directory.GetFiles(folder.Path, "*tfevents*").Length);
    }

    private static List<ProtoFields> Events(TemporaryFolder folder) =>
        [.. RecordReaders.TfRecords(File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder.Path, "events.out.tfevents.*")))).Select(r => new ProtoFields(r))];

    private static IEnumerable<(long Step, ProtoFields Value)> Values(TemporaryFolder folder) =>
        Events(folder).Where(e => e.Has(5)).SelectMany(e => e.Message(5).Messages(1).Select(v => (e.Integer(2), v)));
}
