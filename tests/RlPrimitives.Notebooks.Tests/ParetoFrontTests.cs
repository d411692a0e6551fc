using System.Text.Json.Nodes;
using RlPrimitives.Rewards;

namespace RlPrimitives.Notebooks.Tests;

public class ParetoFrontTests
{
    private static readonly RewardBatch Batch = Histories.Batch(("correct", [1, 2, 0, 1, null, 1]), ("brevity", [3, 1, 0, 1, 5, 3]), ("safety", [0, 0, 1, 0, 0, 0]));

    private static JsonObject Dots(JsonObject figure, string name) =>
        figure["data"]!.AsArray().Select(t => t!.AsObject()).Single(t => (string?)t["name"] == name && (string?)t["mode"] == "markers");

    [Fact]
    public void The_front_is_a_staircase_through_its_points_and_dominated_points_are_pale()
    {
        var figure = Show.ParetoFront(Batch, "correct", "brevity").Figure();

        var stairs = figure["data"]!.AsArray().Select(t => t!.AsObject()).Single(t => (string?)t["mode"] == "lines");
        Assert.Equal([1.0, 1, 2, 2], stairs["x"].Numbers().Skip(1));
        Assert.Equal([3.0, 3, 1, 1], stairs["y"].Numbers().Take(4));
        Assert.Equal([1.0, 2], Dots(figure, "front")["x"].Numbers());
        Assert.Equal([0.0, 1], Dots(figure, "dominated")["x"].Numbers());
        Assert.Equal("#0072B2", (string?)Dots(figure, "front")["marker"]!["color"]);
        Assert.StartsWith("rgba(128,128,128,", (string?)Dots(figure, "dominated")["marker"]!["color"], StringComparison.Ordinal);
    }

    [Fact]
    public void Equal_points_are_one_larger_dot_that_names_all_who_are_there()
    {
        var trajectories = Enumerable.Range(0, 6).Select(i => Histories.Trajectory($"answer <{i}>", i)).ToArray();

        var front = Dots(Show.ParetoFront(Batch, "correct", "brevity", trajectories).Figure(), "front");
        var sizes = front["marker"]!["size"].Numbers();
        Assert.True(sizes[0] > sizes[1]);
        Assert.Equal("correct 1, brevity 3<br>trajectory 3.0, 3.5<br>“answer &lt;0&gt;”", (string?)front["hovertext"]![0]);
    }

    [Fact]
    public void The_title_counts_the_front_and_those_without_a_score()
    {
        Assert.Equal("3 of 5 trajectories on the front of correct and brevity (1 without a score left out)", Show.ParetoFront(Batch, "correct", "brevity").Title);
        Assert.Equal("mine", Show.ParetoFront(Batch, "correct", "brevity", title: "mine").Title);
    }

    [Fact]
    public void A_reference_point_gives_the_hypervolume_and_its_area()
    {
        var chart = Show.ParetoFront([[1f, 3f], [2f, 1f], [0f, 0f]], ["a", "b"], ["A", "B", "C"], reference: [0, 0]);

        Assert.Equal("2 of 3 points on the front of a and b; hypervolume 4 from (0, 0)", chart.Title);
        var area = chart.Figure().Trace("hypervolume");
        Assert.Equal([0.0, 1, 1, 2, 2, 0], area["x"].Numbers());
        Assert.Equal([3.0, 3, 1, 1, 0, 0], area["y"].Numbers());
        Assert.Equal([0.0], chart.Figure().Trace("reference point")["x"].Numbers());
        Assert.Equal("a 1, b 3<br>A", (string?)Dots(chart.Figure(), "front")["hovertext"]![0]);
    }

    [Fact]
    public void The_recorded_hypervolume_is_told_only_where_it_is_of_these_objectives()
    {
        var two = Histories.Batch(("a", [1]), ("b", [1])) with { Hypervolume = 0.5 };

        Assert.EndsWith("; hypervolume 0.5", Show.ParetoFront(two, "a", "b").Title, StringComparison.Ordinal);
        Assert.DoesNotContain("hypervolume", Show.ParetoFront(Batch with { Hypervolume = 0.5 }, "correct", "brevity").Title, StringComparison.Ordinal);
    }

    [Fact]
    public void The_good_corner_is_marked_at_the_upper_right()
    {
        var note = Show.ParetoFront(Batch, "correct", "brevity").Figure()["layout"]!["annotations"]![0]!;

        Assert.Equal(("better ↗", 1, 1), ((string?)note["text"], (int)note["x"]!, (int)note["y"]!));
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_the_names_there_are()
    {
        Assert.Contains("'correct', 'brevity', 'safety'", Assert.Throws<ArgumentException>(() => Show.ParetoFront(Batch, "correct", "wit")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Show.ParetoFront(Batch, "correct", "brevity", [Histories.Trajectory("x")]));
        Assert.Throws<ArgumentException>(() => Show.ParetoFront(Batch, "correct", "brevity", reference: [0]));
        Assert.Throws<ArgumentException>(() => Show.ParetoFront([[1.0, 2, 3]], ["a", "b"]));
        Assert.Throws<ArgumentException>(() => Show.ParetoFront([[1.0, 2]], ["a", "b", "c"]));
        Assert.Throws<ArgumentException>(() => Show.ParetoFront([[1.0, 2]], ["a", "b"], ["one", "two"]));
        Assert.Throws<ArgumentException>(() => Show.ParetoFront(Histories.Batch(("a", [null]), ("b", [1])), "a", "b"));
    }

    [Fact]
    public void Three_objectives_stand_in_a_scene_that_the_drawing_shows_too()
    {
        var chart = Show.ParetoFront3D(Batch, "correct", "brevity", "safety", reference: [-1, -1, -1]);

        Assert.Equal("4 of 5 trajectories on the front of correct, brevity and safety; hypervolume 11 from (-1, -1, -1) (1 without a score left out)", chart.Title);
        var front = chart.Figure().Trace("front");
        Assert.Equal(("scatter3d", 3), ((string?)front["type"], front["x"]!.AsArray().Count));
        Assert.Equal([2.0], chart.Figure().Trace("best of each")["x"].Numbers());
        Assert.Equal("safety", (string?)chart.Figure()["layout"]!["scene"]!["zaxis"]!["title"]!["text"]);
        Assert.DoesNotContain("Open the notebook", chart.ToSvg(), StringComparison.Ordinal);
        Assert.Contains(">safety<", chart.ToSvg(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_front_of_thousands_stays_within_the_size()
    {
        var random = new Random(1);
        double[][] points = [.. Enumerable.Range(0, 5000).Select(_ => new[] { random.NextDouble(), random.NextDouble() })];

        var chart = Show.ParetoFront(points, ["a", "b"]);
        Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length, 1_000, 60_000);
        Assert.Equal(Pareto.Fronts(points).Count(r => r == 0), Dots(chart.Figure(), "front")["x"]!.AsArray().Count);
    }

    [Fact]
    public void Parallel_coordinates_have_one_line_for_each_trajectory_between_the_ends_of_each_objective()
    {
        var chart = Show.ParallelCoordinates(Batch);

        var front = chart.Figure().Trace("front");
        Assert.Equal([0.5, 1, 0, null, 1, 0.3333, 0, null, 0, 0, 1, null], front["y"].Numbers().Select(v => v is { } y ? Math.Round(y, 4) : v));
        Assert.Equal(["correct: 0 to 2", "brevity: 0 to 3", "safety: 0 to 1"], chart.Figure()["layout"]!["xaxis"]!["ticktext"]!.AsArray().Select(t => (string?)t));
        Assert.Equal("trajectory 1", (string?)front["hovertext"]![5]);
        Assert.Contains("correct: 0 to 2", chart.ToSvg(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Show.ParallelCoordinates(Batch, ["correct"]));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    public void Parallel_lines_of_thousands_are_whole_and_as_many_as_the_legend_says(int objectives)
    {
        var random = new Random(1);
        var chart = Show.ParallelCoordinates(Histories.Batch([.. Enumerable.Range(0, objectives).Select(k => ($"o{k}", Enumerable.Range(0, 2000).Select(_ => (float?)random.NextSingle()).ToArray()))]));

        Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length, 1_000, 60_000);
        Assert.All(chart.Figure()["data"]!.AsArray(), trace =>
        {
            var strands = string.Join(' ', trace!["y"].Numbers().Select(y => y is null ? "|" : "o")).Split(" |", StringSplitOptions.RemoveEmptyEntries);
            Assert.All(strands, s => Assert.Equal(objectives, s.Count(c => c == 'o')));
            var name = (string)trace["name"]!;
            Assert.True(!name.Contains('(', StringComparison.Ordinal) || name.Contains($"({strands.Length} of ", StringComparison.Ordinal), name);
        });
    }

    [Fact]
    public void Fronts_of_large_batches_over_training_stay_within_the_size()
    {
        var random = new Random(1);
        var history = Histories.Scored([.. Enumerable.Range(0, 30).Select(i => Enumerable.Range(0, 2000).Select(_ => ((float?)random.NextSingle(), (float?)(random.NextSingle() + (i / 30f)))).ToArray())]);

        var chart = Show.ParetoOverTraining(history, "correct", "brevity");
        Assert.InRange(chart.ToJson().Length + chart.ToHtml().Length, 1_000, 60_000);
    }

    [Fact]
    public void The_fronts_of_one_or_two_iterations_need_no_slider()
    {
        var one = Show.ParetoOverTraining(Histories.Scored([(0, 0), (1, -1)]), "correct", "brevity").Figure();
        var two = Show.ParetoOverTraining(Histories.Scored([(0, 0)], [(1, 1)]), "correct", "brevity").Figure();

        Assert.Equal((null, null), (one["layout"]!["sliders"], two["layout"]!["sliders"]));
        Assert.Equal(["iteration 1"], one["data"]!.AsArray().Select(t => (string?)t!["name"]).Distinct());
        Assert.Equal(["iteration 1", "iteration 2"], two["data"]!.AsArray().Select(t => (string?)t!["name"]).Distinct());
    }

    [Fact]
    public void The_front_over_training_has_a_slider_and_reads_without_it()
    {
        var chart = Show.ParetoOverTraining(Histories.Scored([(0, 0), (1, -1)], [(1, 0), (0, -3)], [(2, 0), (0, 1)]), "correct", "brevity", [0, -4]);

        var figure = chart.Figure();
        var slider = figure["layout"]!["sliders"]![0]!;
        Assert.Equal(["1", "2", "3"], slider["steps"]!.AsArray().Select(s => (string?)s!["label"]));
        var visible = slider["steps"]![2]!["args"]![0]!["visible"]!.AsArray().Select(v => (bool)v!).ToArray();
        Assert.Equal(figure["data"]!.AsArray().Count, visible.Length);
        Assert.Equal([6, 7, 8, 9, 10, 11, 12], Enumerable.Range(0, visible.Length).Where(i => visible[i])); // The last stop's three, and the two fronts that stay.
        Assert.Equal([3, 4, 5, 9, 10, 11, 12], Enumerable.Range(0, visible.Length).Where(i => (bool?)figure["data"]![i]!["visible"] ?? true));
        Assert.Equal("Front of correct and brevity in 3 iterations of GRPO: hypervolume 3 → 8 from (0, -4)", chart.Title);
        Assert.Equal("correct 2, brevity 0<br>iteration 3, trajectory 7.0", (string?)figure["data"]!.AsArray().Last()!["hovertext"]![0]);
        Assert.All((string[])["iteration 1", "iteration 2 (slider)", "iteration 3"], name => Assert.Contains($">{name}<", chart.ToSvg(), StringComparison.Ordinal));
        Assert.DoesNotContain("iteration 3 (slider)", chart.ToSvg(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Show.ParetoOverTraining(Histories.Of([1]), "correct", "brevity"));
    }
}
