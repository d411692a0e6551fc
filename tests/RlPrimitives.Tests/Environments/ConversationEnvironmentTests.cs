using Microsoft.Extensions.AI;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;
using RlPrimitives.Rollouts;

namespace RlPrimitives.Tests.Environments;

public class ConversationEnvironmentTests
{
    /// <summary>Marks like ChatML's, each one token.</summary>
    private static readonly HuggingFaceTokenizer Chat = HuggingFaceTokenizer.Bytes("<|im_end|>", "<|pad|>", "<|im_start|>");

    private const string ChatMl = """
        {%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}
        {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
        """;

    private static readonly Problem Hello = new("p", "Hi", "", new Dictionary<string, string> { ["second"] = "Why?", ["third"] = "", ["all"] = """["a", "b"]""", ["bad"] = "[a" });

    [Fact]
    public async Task A_scripted_conversation_reads_as_written_and_ends_with_the_script()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("Why?", StringComparison.Ordinal) ? "Because." : "Hello!");
        var environment = new ConversationEnvironment(module, [Hello], new ScriptedPartner("Why?"), new ConversationOptions { System = "Be kind." });
        var (text, trajectory) = await Run(module, environment);
        Assert.Equal("Be kind.\nUser: Hi\nAssistant: Hello!<|end|>\nUser: Why?\nAssistant: Because.<|end|>", text);
        Assert.Equal((TrajectoryStatus.Terminated, 2, "Because."), (trajectory.Status, trajectory.Turns.Length, trajectory.Response));
    }

    [Fact]
    public async Task With_a_chat_template_the_ids_are_those_of_the_template_and_nothing_is_encoded_again()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("Why?", StringComparison.Ordinal) ? "Because." : "Hello!", Chat);
        var environment = new ConversationEnvironment(
            module, [Hello], new ScriptedPartner("Why?"), new ConversationOptions { System = "Be kind.", Format = new TemplateChatFormat(Chat, ChatMl) });
        var (text, trajectory) = await Run(module, environment);
        const string expected = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n"
            + "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nBecause.<|im_end|>";
        Assert.Equal(expected, text);
        Assert.Equal(Chat.Encode(expected), trajectory.Turns[^1].PromptIds.Concat(trajectory.Turns[^1].TokenIds));
        var row = Assert.Single(TrainingRow.From(trajectory, 1));
        Assert.Equal("Hello!<|im_end|>Because.<|im_end|>", Chat.Decode(row.Trained.Select(t => row.Ids[t]).ToArray(), skipSpecialTokens: false));
    }

    [Fact]
    public async Task A_response_that_did_not_end_itself_is_closed_for_it_outside_of_the_loss()
    {
        using var module = ScriptedBackend.Module(p => p.Contains("Why?", StringComparison.Ordinal) ? "Because." : "Hello! STOP", Chat);
        var environment = new ConversationEnvironment(
            module, [Hello], new ScriptedPartner("Why?"), new ConversationOptions { Format = new TemplateChatFormat(Chat, ChatMl) }, new SamplingOptions { StopStrings = ["STOP"] });
        var (text, trajectory) = await Run(module, environment);
        Assert.Contains("Hello! STOP<|im_end|>\n<|im_start|>user\nWhy?", text, StringComparison.Ordinal);
        var row = Assert.Single(TrainingRow.From(trajectory, 1));
        Assert.Equal("Hello! STOPBecause.<|im_end|>", Chat.Decode(row.Trained.Select(t => row.Ids[t]).ToArray(), skipSpecialTokens: false));
    }

    [Theory]
    [InlineData(1, new[] { "second" }, 2)]
    [InlineData(1, new[] { "second", "third" }, 2)] // an empty column ends it
    [InlineData(1, new[] { "absent" }, 1)]
    [InlineData(1, new[] { "all" }, 3)] // the texts of an array, one after another
    public async Task User_turns_come_from_the_columns_of_the_data(int groups, string[] columns, int answers)
    {
        using var module = ScriptedBackend.Module(_ => "x");
        var (_, trajectory) = await Run(module, new ConversationEnvironment(module, [Hello], new ColumnPartner([.. columns])));
        Assert.Equal((groups, answers, TrajectoryStatus.Terminated), (1, trajectory.Turns.Length, trajectory.Status));
    }

    [Fact]
    public async Task A_column_that_is_no_array_fails_its_trajectory_with_its_name()
    {
        using var module = ScriptedBackend.Module(_ => "x");
        var batch = await new RolloutManager(new ConversationEnvironment(module, [Hello], new ColumnPartner("bad")), new RolloutConfig()).CollectAsync(1);
        Assert.Contains("column 'bad'", batch.Trajectories[0].Error, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ColumnPartner());
    }

    [Fact]
    public async Task Another_model_plays_the_user_from_the_other_side()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("Assistant: ", StringComparison.Ordinal) && p.Contains("curious", StringComparison.Ordinal) ? p.Contains("Bye", StringComparison.Ordinal) ? "[END]" : "Why?" : p.Contains("Why?", StringComparison.Ordinal) ? "Bye" : "Hello!");
        var environment = new ConversationEnvironment(module, [Hello], new ModelPartner(module, "You are curious."));
        var (text, trajectory) = await Run(module, environment);
        Assert.Equal("User: Hi\nAssistant: Hello!<|end|>\nUser: Why?\nAssistant: Bye<|end|>", text);
        Assert.Equal(TrajectoryStatus.Terminated, trajectory.Status);
        var asked = ((ScriptedBackend)module.Backend).Requests.Select(r => module.Tokenizer.Decode(r.PromptIds)).First(p => p.StartsWith("You are curious", StringComparison.Ordinal));
        Assert.Equal("You are curious.\nAssistant: Hi\nUser: Hello!\nAssistant: ", asked);
    }

    [Fact]
    public async Task Any_chat_client_plays_the_user()
    {
        using var client = new Client(messages => messages[^1].Text == "Bye" ? "fine [END]" : $" {messages[0].Role}/{messages[^1].Role}/{messages.Count} ");
        using var module = ScriptedBackend.Module(p => p.Contains("system", StringComparison.Ordinal) ? "Bye" : "Hello!");
        var (text, trajectory) = await Run(module, new ConversationEnvironment(module, [Hello], new ChatClientPartner(client, "Ask.")));
        Assert.Equal("User: Hi\nAssistant: Hello!<|end|>\nUser: system/user/3\nAssistant: Bye<|end|>", text);
        Assert.Equal(TrajectoryStatus.Terminated, trajectory.Status);
    }

    [Fact]
    public async Task Limits_of_turns_and_tokens_truncate()
    {
        using var module = ScriptedBackend.Module(_ => "abcdefgh");
        var partner = new ScriptedPartner("1", "2", "3", "4", "5");
        var (_, turns) = await Run(module, new ConversationEnvironment(module, [Hello], partner, new ConversationOptions { MaxTurns = 2 }));
        Assert.Equal((TrajectoryStatus.Truncated, 2), (turns.Status, turns.Turns.Length));
        var opening = "User: Hi\nAssistant: ".Length;
        var (_, cut) = await Run(module, new ConversationEnvironment(module, [Hello], partner, new ConversationOptions { MaxTokens = opening + 4 }));
        Assert.Equal((TrajectoryStatus.Truncated, 4, StopReason.MaxNewTokens), (cut.Status, cut.ResponseTokens, cut.Turns[0].StopReason));
        var (_, full) = await Run(module, new ConversationEnvironment(module, [Hello], partner, new ConversationOptions { MaxTokens = opening + 12 }));
        Assert.Equal((TrajectoryStatus.Truncated, 1), (full.Status, full.Turns.Length)); // the next question leaves no room for an answer
        var batch = await new RolloutManager(new ConversationEnvironment(module, [Hello], partner, new ConversationOptions { MaxTokens = 5 }), new RolloutConfig()).CollectAsync(1);
        Assert.Contains("MaxTokens = 5", batch.Trajectories[0].Error, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConversationOptions { MaxTurns = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConversationOptions { MaxTokens = 0 });
    }

    [Fact]
    public async Task What_was_said_rides_on_the_state()
    {
        using var module = ScriptedBackend.Module(_ => "x");
        var environment = new ConversationEnvironment(module, [Hello], new ScriptedPartner("Why?"));
        var state = environment.Reset(Hello);
        Assert.Equal([new Message(ChatRole.User, "Hi")], ConversationEnvironment.Conversation(state));
        state = await environment.StepAsync(state);
        Assert.Equal([new Message(ChatRole.User, "Hi"), new Message(ChatRole.Assistant, "x"), new Message(ChatRole.User, "Why?")], ConversationEnvironment.Conversation(state));
        Assert.NotEmpty(state.Observation);
        Assert.Throws<InvalidOperationException>(() => new State(Hello).Observe(1));
    }

    [Fact]
    public async Task Tools_in_a_conversation_are_messages_of_their_own_and_the_user_hears_only_answers()
    {
        const string template = """
            {%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}
            {%- if tools %}{{ tools | map(attribute='function') | map(attribute='name') | join(',') }}{% endif %}
            {%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
            """;
        using var module = ScriptedBackend.Module(
            p => p.Contains("Why?", StringComparison.Ordinal) ? "Bye" : p.Contains("tool\n36", StringComparison.Ordinal) ? "It is so." : "<tool_call>{\"name\": \"calc\", \"arguments\": {\"expression\": \"12*3\"}}</tool_call>",
            Chat);
        var heard = new List<string>();
        var partner = new Listening(heard);
        var environment = new SvrlEnvironment(
            new ConversationEnvironment(module, [Hello], partner, new ConversationOptions { Format = new TemplateChatFormat(Chat, ChatMl) }), [Calculator.Tool()],
            new SvrlOptions { Format = new HermesToolFormat() });
        var (text, trajectory) = await Run(module, environment);
        Assert.Contains("</tool_call><|im_end|>\n<|im_start|>tool\n36<|im_end|>\n<|im_start|>assistant\nIt is so.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>", text, StringComparison.Ordinal);
        Assert.StartsWith("<|im_start|>system\nYou may call tools.", text, StringComparison.Ordinal); // this template tells of no tools
        Assert.Equal(["It is so.", "Bye"], heard);
        Assert.Equal(3, trajectory.Turns.Length);
        Assert.True(new TemplateChatFormat(Chat, template).TellsTools);
    }

    [Fact]
    public async Task Inline_calls_in_a_conversation_stay_inside_the_message()
    {
        using var module = ScriptedBackend.Module(p => p.EndsWith("{36}", StringComparison.Ordinal) ? " it is" : "I say [calc: 12*3]", Chat);
        var environment = new SvrlEnvironment(
            new ConversationEnvironment(module, [Hello], new ScriptedPartner(), new ConversationOptions { Format = new TemplateChatFormat(Chat, ChatMl) }), [Calculator.Tool()]);
        var (text, _) = await Run(module, environment);
        Assert.EndsWith("<|im_start|>assistant\nI say [calc: 12*3]{36} it is<|im_end|>", text, StringComparison.Ordinal);
    }

    private static async Task<(string Text, Trajectory Trajectory)> Run(InferenceModule module, BaseEnvironment environment)
    {
        var trajectory = (await new RolloutManager(environment, new RolloutConfig()).CollectAsync(1)).Trajectories[0];
        Assert.Null(trajectory.Error);
        return (module.Tokenizer.Decode([.. trajectory.Turns[^1].PromptIds, .. trajectory.Turns[^1].TokenIds], skipSpecialTokens: false), trajectory);
    }

    private sealed class Listening(List<string> heard) : IConversationPartner
    {
        public ValueTask<string?> ReplyAsync(Problem problem, IReadOnlyList<Message> conversation, CancellationToken cancellationToken)
        {
            heard.Add(conversation[^1].Text);
            return ValueTask.FromResult(heard.Count == 1 ? "Why?" : null);
        }
    }

    private sealed class Client(Func<IReadOnlyList<ChatMessage>, string> reply) : IChatClient
    {
        public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, reply([.. messages]))));

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
