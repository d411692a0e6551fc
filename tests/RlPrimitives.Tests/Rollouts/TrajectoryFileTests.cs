using System.Text;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Rollouts;
using RlPrimitives.Tests.Models;

namespace RlPrimitives.Tests.Rollouts;

/// <summary>Trajectories in files: nothing is lost, damage is named, what follows a torn line is not.</summary>
public class TrajectoryFileTests
{
    private static readonly float[] Awkward =
    [
        0f, -0f, -1f / 3, float.Epsilon, float.MinValue, -1e-38f, float.NegativeInfinity, float.PositiveInfinity, float.NaN, BitConverter.UInt32BitsToSingle(0x7fc00123), -16777217f, -0.1f,
    ];

    private static readonly Trajectory Full = new(
        new Problem("p/1", "27+58=\n\"quoted\" 🦉 \ud800 <script>", "85", new Dictionary<string, string> { ["first"] = "27", [""] = "", ["Ünï\u2028"] = "\0\t\\" }),
        3, 1,
        [
            new Turn([1, 2, int.MaxValue], [.. Enumerable.Range(0, Awkward.Length)], Awkward, "first\r\n", StopReason.StopString, 0.7f)
            {
                WeightsVersion = long.MaxValue,
                Seconds = 1.0 / 7,
                ToolCalls = [new ToolCall("calc", "{\"x\": 1}", "85", null, true, 0.1) { Cost = 3 }, new ToolCall("", "\udc00", "", "DivideByZeroException", false, 1.0 / 3)],
            },
            new Turn([], [], [], "", StopReason.ContextLength, 0),
        ],
        TrajectoryStatus.Failed, "FormatException: a: b")
    { Attempt = 2 };

    [Fact]
    public void What_is_saved_is_loaded_to_the_last_bit()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        Trajectory[] all = [Full, Plain(0), Full with { Problem = new Problem("\udfff", "a", "b", new Dictionary<string, string> { ["\ud800\ud800"] = "x", ["y"] = "z" }), Error = null }];
        Trajectories.Save(path, all);
        AssertSame(all, Trajectories.Load(path));
        Assert.Equal(3, File.ReadAllLines(path).Length);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
    }

    [Fact]
    public async Task Collected_rollouts_survive_a_file_with_the_bits_of_their_log_probs()
    {
        using var module = TinyModels.FreshModule();
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        Problem[] problems = [new("a", "xyz", "", new Dictionary<string, string> { ["k"] = "v" }), new("b", "q", "z")];
        var batch = await new RolloutManager(
            new SimpleTextEnvironment(module, problems, maxSteps: 3, new SamplingOptions { MaxNewTokens = 5, Temperature = 0.7f }), new RolloutConfig { GroupSize = 4 }).CollectAsync(16);
        Trajectories.Save(path, batch.Trajectories);
        AssertSame(batch.Trajectories, Trajectories.Load(path));
        Assert.All(batch.Trajectories, t => Assert.Equal(module.Model.Version, t.WeightsVersion));
    }

    [Fact]
    public void Lines_are_added_and_a_torn_one_spoils_nothing_after_it()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        Trajectories.Append(path, [Plain(0)]);
        Trajectories.Append(path, [Plain(1), Plain(2)]);
        AssertSame([Plain(0), Plain(1), Plain(2)], Trajectories.Load(path));

        var whole = File.ReadAllBytes(path);
        for (var cut = 1; cut < whole.Length; cut += 7)
        {
            File.WriteAllBytes(path, whole[..cut]);
            Trajectories.Append(path, [Full]);
            var damaged = new List<string>();
            var got = Trajectories.Load(path, e => damaged.Add(e.Message));
            var complete = whole[..cut].Count(b => b == '\n');
            AssertSame([Full], [got[^1]]);
            Assert.InRange(got.Count, complete + 1, complete + 2); // a cut just before the end of a line has lost nothing of it
            Assert.Equal(damaged.Count == 1 ? [$"{path}, line {complete + 1}"] : [], damaged.Select(d => d.Split(':')[0]));
        }
    }

    [Theory]
    [InlineData("{}", "has no 'schema'")]
    [InlineData("[1]", "must be an object")]
    [InlineData("{\"schema\":1", "not a trajectory")]
    [InlineData("{\"schema\":2}", "schema is 2")]
    [InlineData("{\"schema\":0}", "schema must be a whole number")]
    [InlineData("token_ids\":[3]→token_ids\":[3,4]", "turns[0] has 2 token_ids but 1 log_probs")]
    [InlineData("token_ids\":[3]→token_ids\":[-3]", "turns[0].token_ids[0] must be a whole number")]
    [InlineData("token_ids\":[3]→token_ids\":[3.5]", "turns[0].token_ids[0]")]
    [InlineData("token_ids\":[3]→token_ids\":{}", "turns[0].token_ids must be a list")]
    [InlineData("[-0.5]→[1e99]", "float32")]
    [InlineData("[-0.5]→[\"NaN:00000000\"]", "turns[0].log_probs[0]")]
    [InlineData("stop_token→nonsense", "turns[0].stop_reason must be one of stop_token, stop_string")]
    [InlineData("terminated→done", "status must be one of terminated, truncated, failed")]
    [InlineData("\"group\":0→\"group\":-1", "group")]
    [InlineData("\"prompt\":\"q0\"→\"prompt\":\"\\ud800\"", "problem.prompt is not a well-formed text")]
    [InlineData("\"fields\":{\"k\":\"v\"}→\"fields\":{\"k\":\"v\",\"k\":\"w\"}", "'k' is there twice")]
    [InlineData("\"fields\":{\"k\":\"v\"}→\"fields\":[\"k\"]", "'k' has no value")]
    public void A_damaged_line_is_named_by_file_line_and_what_is_wrong(string change, string expected)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        Trajectories.Save(path, [Plain(7), Plain(0), Plain(8)]);
        var lines = File.ReadAllLines(path);
        var parts = change.Split('→');
        lines[1] = parts.Length == 1 ? change : lines[1].Replace(parts[0], parts[1], StringComparison.Ordinal);
        File.WriteAllLines(path, lines);

        var error = Assert.Throws<InvalidDataException>(() => Trajectories.Load(path));
        Assert.StartsWith($"{path}, line 2: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        var told = new List<InvalidDataException>();
        AssertSame([Plain(7), Plain(8)], Trajectories.Load(path, told.Add));
        Assert.Equal(error.Message, Assert.Single(told).Message);
    }

    [Fact]
    public void Any_change_of_any_byte_is_read_or_named_and_never_more()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        Trajectories.Save(path, [Full]);
        var whole = File.ReadAllBytes(path);
        var random = new Random(1);
        for (var round = 0; round < 3000; round++)
        {
            var bytes = whole.ToArray();
            for (var i = 0; i <= round % 3; i++)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            File.WriteAllBytes(path, round % 5 == 0 ? bytes[..random.Next(bytes.Length)] : bytes);
            Trajectories.Load(path, e => Assert.Contains(path, e.Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void An_absent_file_is_named_with_the_place_looked_at() =>
        Assert.Contains(Path.GetFullPath("nowhere.jsonl"), Assert.Throws<FileNotFoundException>(() => Trajectories.Load("nowhere.jsonl")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_not_text_is_named_line_by_line()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "t.jsonl");
        File.WriteAllBytes(path, [0xff, 0xfe, (byte)'\n', .. Encoding.UTF8.GetBytes("{}\n")]);
        var lines = new List<string>();
        Assert.Empty(Trajectories.Load(path, e => lines.Add(e.Message)));
        Assert.Equal(2, lines.Count);
    }

    private static Trajectory Plain(int group) => new(
        new Problem($"p{group}", $"q{group}", "", new Dictionary<string, string> { ["k"] = "v" }), group, 0,
        [new Turn([1, 2], [3], [-0.5f], "x", StopReason.StopToken, 1)], TrajectoryStatus.Terminated);

    private static void AssertSame(IReadOnlyList<Trajectory> expected, IReadOnlyList<Trajectory> got)
    {
        Assert.Equal(expected.Count, got.Count);
        foreach (var (e, g) in expected.Zip(got))
        {
            Assert.Equal((e.Group, e.Member, e.Attempt, e.Status, e.Error), (g.Group, g.Member, g.Attempt, g.Status, g.Error));
            Assert.Equal((e.Problem.Id, e.Problem.Prompt, e.Problem.Answer), (g.Problem.Id, g.Problem.Prompt, g.Problem.Answer));
            Assert.Equal(e.Problem.Fields.ToArray(), g.Problem.Fields.ToArray());
            Assert.Equal(e.Turns.Length, g.Turns.Length);
            foreach (var (a, b) in e.Turns.Zip(g.Turns))
            {
                Assert.Equal(a.PromptIds, b.PromptIds);
                Assert.Equal(a.TokenIds, b.TokenIds);
                Assert.Equal(a.LogProbs.Select(BitConverter.SingleToInt32Bits), b.LogProbs.Select(BitConverter.SingleToInt32Bits));
                Assert.Equal((a.Text, a.StopReason, a.Temperature, a.WeightsVersion), (b.Text, b.StopReason, b.Temperature, b.WeightsVersion));
                Assert.Equal(a.ToolCalls.ToArray(), b.ToolCalls.ToArray());
            }
        }
    }
}
