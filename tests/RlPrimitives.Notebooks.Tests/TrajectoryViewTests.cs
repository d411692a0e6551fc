using System.Text.RegularExpressions;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tests;

public partial class TrajectoryViewTests
{
    private static readonly Characters Tokenizer = new();

    private static Turn TurnOf(string prompt, string text, params ToolCall[] calls) =>
        new(Tokenizer.Encode(prompt), Tokenizer.Encode(text), [.. text.Select((_, i) => -0.05f * (i + 1) * (i + 1))], text, StopReason.StopToken, 1) { ToolCalls = [.. calls] };

    private static Trajectory Of(int member, params Turn[] turns) => new(new Problem("sum", "1+1=", "2"), 3, member, [.. turns], TrajectoryStatus.Terminated);

    private static string Words(string html) => Tag().Replace(Style().Replace(html, ""), "");

    [Fact]
    public void Every_token_has_its_exact_id_and_numbers_to_read_over_it()
    {
        var html = Show.Trajectory(Of(0, TurnOf("Q", "ab")), Tokenizer, advantages: [0.5f, -2], ratios: [1.1f, 0.7f], mask: [true, false], reward: 1).ToHtml();

        Assert.Contains("<span title=\"id 81\">Q</span>", html, StringComparison.Ordinal);
        Assert.Contains("<span class=\"l0 a5 r5 m1\" title=\"id 97, log-prob -0.05, advantage 0.5, ratio 1.1\">a</span>", html, StringComparison.Ordinal);
        Assert.Contains("<span class=\"l1 a0 r0 m0\" title=\"id 98, log-prob -0.2, advantage -2, ratio 0.7, not trained on\">b</span>", html, StringComparison.Ordinal);
        Assert.Contains("trajectory 3.0, reward 1, terminated, 2 sampled tokens", html, StringComparison.Ordinal);
    }

    [Fact]
    public void The_colouring_is_switched_by_html_and_css_alone()
    {
        var html = Show.Trajectory(Of(0, TurnOf("Q", "ab")), Tokenizer, advantages: [0.5f, -2], colouring: TokenColouring.Advantage).ToHtml();

        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
        Assert.Equal(["l", "a", "m"], Radio().Matches(html).Select(m => m.Groups[1].Value)); // No ratios: no such switch.
        Assert.Matches("class=\"a\" checked", html);
        Assert.Contains(" .a:checked~.b .a5{background:rgba(0,114,178,", html, StringComparison.Ordinal);
        Assert.Contains(" .a:checked~.b .a0{background:rgba(213,94,0,", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_later_turn_shows_only_what_is_new_and_tool_calls_stand_after_the_turn_that_asked()
    {
        var first = TurnOf("Q", "call", new ToolCall("calculator", "1+1", "two!"), new ToolCall("search", "x", "", "no such tool"));
        var view = Show.Trajectory(Of(0, first, TurnOf("Qcall=", "end")), Tokenizer);

        Assert.Matches("(?s)prompt.*Q.*turn 1, 4 sampled.*call.*tool calculator, 0 s.*1\\+1 → two!.*tool search.*x → no such tool.*given to the model=turn 2, 3 sampled.*end", Words(view.ToHtml()));
    }

    [Fact]
    public void A_script_in_a_model_s_text_is_text()
    {
        const string Attack = "</pre></form><script>alert(1)</script><img src=x onerror=\"alert(2)\">";
        var trajectory = new Trajectory(new Problem(Attack, Attack, Attack), 3, 0, [TurnOf(Attack, Attack, new ToolCall(Attack, Attack, Attack, Attack))], TrajectoryStatus.Failed, Attack);

        foreach (var html in new[]
        {
            Show.Trajectory(trajectory, Tokenizer, reward: 1).ToHtml(), Show.Group([trajectory, trajectory], [1, null], Tokenizer).ToHtml(),
            Show.Completions([trajectory], [1], Tokenizer).ToHtml(), Show.Completions([trajectory], Histories.Batch((Attack, [1])), Tokenizer).ToHtml(),
        })
        {
            Assert.DoesNotContain("<script>alert", html, StringComparison.Ordinal);
            Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
            Assert.DoesNotContain("</pre></form><", html, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_group_stands_side_by_side_sorted_by_reward_with_its_prompt_once()
    {
        Trajectory[] trajectories = [.. Enumerable.Range(0, 4).Select(m => Of(m, TurnOf("prompt?", "answer " + m)))];
        var view = Show.Group(trajectories, [0.5f, null, 2, -1], Tokenizer);

        Assert.Equal(["3.2", "3.0", "3.3", "3.1"], Headline().Matches(view.ToHtml()).Select(m => m.Groups[1].Value));
        Assert.Single(Regex.Matches(Words(view.ToHtml()), "prompt\\?"));
        Assert.StartsWith("Problem sum: 4 trajectories, best reward first", view.ToString(), StringComparison.Ordinal);
        var few = Show.Group(trajectories, [0.5f, null, 2, -1], Tokenizer, most: 2);
        Assert.Equal(["3.2", "3.1"], Headline().Matches(few.ToHtml()).Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void Long_texts_are_cut_in_the_middle_and_say_so()
    {
        var trajectory = Of(0, TurnOf(new string('p', 3000), new string('a', 3000)));
        var html = Show.Trajectory(trajectory, Tokenizer).ToHtml();

        Assert.InRange(html.Length, 1_000, 60_000);
        Assert.Contains("<i>… 2600 tokens …</i>", html, StringComparison.Ordinal);
        Assert.InRange(Show.Group([.. Enumerable.Repeat(trajectory, 64)], new float?[64], Tokenizer, [.. Enumerable.Repeat(new float[3000], 64)]).ToHtml().Length, 1_000, 60_000);
    }

    [Fact]
    public void Lists_of_another_length_are_refused()
    {
        var trajectory = Of(0, TurnOf("Q", "ab"));
        Assert.Throws<ArgumentException>(() => Show.Trajectory(trajectory, Tokenizer, advantages: [1]));
        Assert.Throws<ArgumentException>(() => Show.Trajectory(trajectory, Tokenizer, mask: [true]));
        Assert.Throws<ArgumentException>(() => Show.Group([trajectory], [], Tokenizer));
        Assert.Throws<ArgumentException>(() => Show.Group([], [], Tokenizer));
    }

    [Fact]
    public void The_same_view_gives_the_same_html_and_another_its_own_id()
    {
        var html = Show.Trajectory(Of(0, TurnOf("Q", "ab")), Tokenizer).ToHtml();

        Assert.Equal(html, Show.Trajectory(Of(0, TurnOf("Q", "ab")), Tokenizer).ToHtml());
        Assert.NotEqual(html.Split('"')[1], Show.Trajectory(Of(0, TurnOf("Q", "ac")), Tokenizer).ToHtml().Split('"')[1]);
    }

    [Fact]
    public void Completions_are_searchable_and_hold_every_objective()
    {
        var html = Show.Completions([Of(0, TurnOf("Q", "ab"))], Histories.Batch(("correct", [0.25f]), ("wit", [null]))).ToHtml();

        Assert.Contains("<input type=\"search\" placeholder=\"search\" hidden", html, StringComparison.Ordinal);
        Assert.Matches("(?s)<th>reward</th><th>correct</th><th>wit</th>.*<td>0.25</td><td>0.25</td><td>–</td>", html);
        Assert.DoesNotContain("<script", Show.Trajectories([Of(0, TurnOf("Q", "ab"))]).ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void Many_long_completions_stay_within_the_size() => Assert.InRange(
        Show.Completions([.. Enumerable.Range(0, 500).Select(i => Of(i, TurnOf(new string('q', 900), new string('&', 900))))]).ToHtml().Length, 10_000, 60_000);

    [GeneratedRegex("<style>.*?</style>", RegexOptions.Singleline)]
    private static partial Regex Style();

    [GeneratedRegex("<[^<>]*>")]
    private static partial Regex Tag();

    [GeneratedRegex("<input type=\"radio\" name=\"by\" id=\"[^\"]*\" class=\"(.)\"")]
    private static partial Regex Radio();

    [GeneratedRegex("<b>trajectory ([0-9.]+)")]
    private static partial Regex Headline();
}
