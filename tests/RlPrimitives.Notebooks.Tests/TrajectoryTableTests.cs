using RlPrimitives.Environments;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Notebooks.Tests;

public class TrajectoryTableTests
{
    private const string Attack = "<script>alert(1)</script><img src=x onerror='alert(2)'>";

    [Fact]
    public void Nothing_that_a_model_or_a_data_set_wrote_is_markup()
    {
        var html = Show.Trajectories([Histories.Trajectory(Attack, prompt: Attack, answer: Attack), new Trajectory(new Problem("p", Attack, Attack), 0, 0, [], TrajectoryStatus.Failed, Attack)]).ToHtml();

        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<img", html, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Twenty_rows_are_shown_and_all_counted()
    {
        Trajectory[] many = [.. Enumerable.Range(0, 64).Select(i => Histories.Trajectory($"answer {i}.", i))];

        var html = Show.Trajectories(many).ToHtml();
        Assert.Contains("answer 19.", html, StringComparison.Ordinal);
        Assert.DoesNotContain("answer 20.", html, StringComparison.Ordinal);
        Assert.Contains("first 20 of 64 trajectories", html, StringComparison.Ordinal);
        Assert.Contains("answer 20.", Show.Trajectories(many, rows: 21).ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_tells_prompt_response_answer_reward_end_and_tokens()
    {
        Assert.Equal(
            ["3.0  1+1= → 2  reward 0.75  StopToken  3 tokens", "1 trajectory"],
            Show.Trajectories([Histories.Trajectory("2")], [0.75f]).ToString().ReplaceLineEndings("\n").Split('\n'));
        Assert.DoesNotContain("reward", Show.Trajectories([Histories.Trajectory("2")]).ToHtml(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failed_trajectory_shows_what_was_thrown()
    {
        var html = Show.Trajectories([new Trajectory(new Problem("p", "q", "a"), 0, 0, [], TrajectoryStatus.Failed, "TimeoutException: the tool hung")]).ToHtml();

        Assert.Contains("TimeoutException: the tool hung", html, StringComparison.Ordinal);
        Assert.Contains("Failed", html, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_text_is_cut_and_says_by_how_much() =>
        Assert.Contains(new string('x', 600) + "… (+400 characters)", Show.Trajectories([Histories.Trajectory(new string('x', 1000))]).ToHtml(), StringComparison.Ordinal);

    [Fact]
    public void With_a_tokenizer_the_exact_tokens_are_shown()
    {
        var html = Show.Trajectories([Histories.Trajectory("2")], tokenizer: new Spelling()).ToHtml();

        Assert.Contains("[1][2]", html, StringComparison.Ordinal);
        Assert.Contains("[3][4][5]", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_number_of_rewards_is_refused() =>
        Assert.Contains("1 rewards for 2", Assert.Throws<ArgumentException>(() => Show.Trajectories([Histories.Trajectory("a"), Histories.Trajectory("b")], [1])).Message, StringComparison.Ordinal);

    private sealed class Spelling : ITokenizer
    {
        public int VocabularySize => 10;

        public int? BosTokenId => null;

        public int? EosTokenId => null;

        public int? PadTokenId => null;

        public int[] Encode(string text, bool addSpecialTokens = false) => throw new NotSupportedException();

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => skipSpecialTokens ? "" : string.Concat(ids.ToArray().Select(i => $"[{i}]"));

        public IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true) => throw new NotSupportedException();
    }
}
