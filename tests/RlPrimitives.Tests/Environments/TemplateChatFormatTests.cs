using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Tests.Environments;

public class TemplateChatFormatTests
{
    private static readonly HuggingFaceTokenizer Chat = HuggingFaceTokenizer.Bytes("<|im_end|>", "<|pad|>", "<|im_start|>");

    [Fact]
    public void A_template_that_moves_the_system_prompt_is_refused()
    {
        const string moving = """
            {%- for m in messages if m.role != 'system' %}
            {{- '[' + (messages[0].content + ' ' if loop.last and messages[0].role == 'system' else '') + m.content + ']' }}
            {%- endfor %}
            """;
        var format = new TemplateChatFormat(Chat, moving);
        Assert.Contains("not prefix-stable", Assert.Throws<InvalidOperationException>(() => format.Open([new Message(ChatRole.System, "s"), new Message(ChatRole.User, "u")], [])).Message, StringComparison.Ordinal);
        Assert.Equal("[u]", Chat.Decode(format.Open([new Message(ChatRole.User, "u")], []))); // without one nothing moves
    }

    [Fact]
    public void A_template_that_rewrites_history_is_refused_when_the_conversation_goes_on()
    {
        var format = new TemplateChatFormat(Chat, "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
        Assert.Contains("not prefix-stable", Assert.Throws<InvalidOperationException>(() => format.Follow(Turn(256), [new Message(ChatRole.User, "u")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_that_leaves_a_message_out_is_refused()
    {
        var format = new TemplateChatFormat(Chat, "{% for m in messages if m.role != 'system' %}{{ m.content }};{% endfor %}");
        Assert.Contains("'system'", Assert.Throws<InvalidOperationException>(() => format.Follow(Turn(256), [new Message(ChatRole.System, "s")])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_without_tools_hears_results_from_the_user()
    {
        var format = new TemplateChatFormat(Chat, "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}");
        Assert.Equal("<user><tool_response>\n36\n</tool_response>", Chat.Decode(format.Follow(Turn(256), [new Message(ChatRole.Tool, "36")])));
        Assert.False(format.TellsTools);
    }

    [SkippableFact]
    public void Published_templates_continue_as_they_render_as_far_as_they_are_stable()
    {
        var texts = Fixtures.Shared("chat_templates/templates_third_party.json");
        Skip.If(texts is null, "The published templates are not beside this repository.");
        var templates = JsonNode.Parse(File.ReadAllText(texts))!;
        foreach (var (name, end) in new[] { ("chatml", "<|im_end|>"), ("qwen2.5", "<|im_end|>"), ("llama3", "<|eot_id|>"), ("phi3.5", "<|end|>"), ("zephyr", "</s>"), ("llama2", "</s>"), ("mistral_nemo", "</s>") })
        {
            var tokenizer = HuggingFaceTokenizer.Bytes(end, "<|pad|>", "<s>");
            var format = new TemplateChatFormat(tokenizer, templates[name]!.GetValue<string>());
            var opening = format.Open([new Message(ChatRole.User, "first")], []);
            var answer = tokenizer.Encode((name == "llama2" ? " one " : "one") + end);
            var follow = format.Follow(new Turn(opening, answer, new float[answer.Length], "one", StopReason.StopToken, 1), [new Message(ChatRole.User, "second")]);
            var variables = new Dictionary<string, JsonNode?> { ["bos_token"] = "", ["eos_token"] = end };
            var whole = RlPrimitives.Models.ChatTemplates.ChatTemplate.Parse(templates[name]!.GetValue<string>()).Render(
                new JsonArray(Said("user", "first"), Said("assistant", "one"), Said("user", "second")), null, true, variables);
            Assert.Equal((name, whole), (name, tokenizer.Decode([.. opening, .. answer, .. follow], skipSpecialTokens: false)));
        }

        static JsonNode Said(string role, string content) => new JsonObject { ["role"] = role, ["content"] = content };
    }

    [Fact]
    public void A_tokenizer_brings_its_own_format()
    {
        Assert.IsType<PlainChatFormat>(ChatFormat.For(Chat));
        var folder = Directory.CreateTempSubdirectory("chat").FullName;
        try
        {
            Chat.Save(folder);
            var path = Path.Combine(folder, "tokenizer_config.json");
            var config = JsonNode.Parse(File.ReadAllText(path))!;
            foreach (var written in new JsonNode[]
            {
                "{{ messages[0].content }}!",
                new JsonArray(new JsonObject { ["name"] = "tool_use", ["template"] = "no" }, new JsonObject { ["name"] = "default", ["template"] = "{{ messages[0].content }}!" }),
            })
            {
                config["chat_template"] = written;
                File.WriteAllText(path, config.ToJsonString());
                var format = Assert.IsType<TemplateChatFormat>(ChatFormat.For(HuggingFaceTokenizer.FromPretrained(folder)));
                Assert.Equal("hi!", Chat.Decode(format.Open([new Message(ChatRole.System, "hi")], [])));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Turn Turn(params int[] ids) => new([1], ids, new float[ids.Length], "", StopReason.StopToken, 1);
}
