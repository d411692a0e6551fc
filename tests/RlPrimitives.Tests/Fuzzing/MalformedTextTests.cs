using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using RlPrimitives.Environments;
using RlPrimitives.Models.ChatTemplates;
using RlPrimitives.Rollouts;
using Xunit.Abstractions;

namespace RlPrimitives.Tests.Fuzzing;

/// <summary>What a model writes, and templates of strangers.</summary>
public class MalformedTextTests(ITestOutputHelper output)
{
    [Fact]
    public void Calls_of_tools()
    {
        var tools = new ToolSet([Calculator.Tool(), AIFunctionFactory.Create((int a, string[] b) => $"{a}{b.Length}", "many"), AIFunctionFactory.Create(() => "x", "none")]);
        foreach (var format in new IToolFormat[] { new HermesToolFormat(), new BracketToolFormat() })
        {
            output.WriteLine(Fuzzer.Run($"calls of {format.GetType().Name}", Texts(
                """<tool_call>{"name": "calc", "arguments": {"expression": "12*3"}}</tool_call> and <tool_call>{"name": "many", "arguments": {"a": 1, "b": ["x"]}}</tool_call>""",
                "12*3=[calc: 12*3] and [none:] and [many: {\"a\": 1, \"b\": []}]"),
                ["<tool_call>", "</tool_call>", "name", "arguments", "calc", "many", "none", "[calc:", "]", "{\"a\":"], bytes =>
                {
                    var kinds = "";
                    foreach (var request in format.Parse(Text(bytes)))
                    {
                        var call = tools.CallAsync(request).GetAwaiter().GetResult(); // whatever is wrong is an answer
                        Assert.InRange(call.Result.Length, 0, tools.Options.MaxOutput + 100);
                        kinds += call.Error is null ? "+" : $"-{call.Error.Length % 7}";
                    }

                    return kinds;
                }, _ => false, mostBytes: length => (4 << 20) + (4000L * length)));
        }
    }

    [Fact]
    public void Expressions() => output.WriteLine(Fuzzer.Run("expressions", Texts("(27+58)*3/2 = 17", "sqrt(2)^-3 % 4 // 1 != min(1, 2.5, -3)", "−2×3÷(1·4)**2"),
        ["sqrt(", "abs(", "min(", "max(", "round(", "floor(", "ceil(", "^", "**", "//", "99999999999", "0.0000001", "((((((((", "^9^9", "!=", "1/3"], bytes =>
        {
            var value = Calculator.Evaluate(Text(bytes));
            Assert.NotEmpty(value);
            return value.Length.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }, e => e is FormatException && e.Message.Length > 0, mostBytes: _ => 64 << 20));

    [Fact]
    public void Chat_templates()
    {
        JsonArray Messages() => [new JsonObject { ["role"] = "system", ["content"] = "s" }, new JsonObject { ["role"] = "user", ["content"] = "hi" }];
        string[] seeds =
        [
            "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m['content'] | trim }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
            "{%- set ns = namespace(x=0) -%}{%- macro f(a, b=2) -%}{{ a ~ b }}{%- endmacro -%}{{ f(1) }}{% for i in range(3) if i != 1 %}{{ loop.index }}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
            "{{ messages[-1].content[:1] if messages is defined else raise_exception('no') }}{{ {'a': [1, 2.5, none, true]} | tojson(indent=2) }}{# note #}{{ 'a,b'.split(',') | join('-') }}",
        ];
        output.WriteLine(Fuzzer.Run("chat templates", Texts(seeds),
            ["{%", "%}", "{{", "}}", "{#", "#}", "for", "in", "endfor", "if", "elif", "else", "endif", "set", "macro", "endmacro", "namespace", "loop.", "range(", "tojson", "trim", "is defined", "not",
                "and", "| length", "raise_exception(", "strftime_now(", "['", "]", "~", "*", "**", "//", "%", "'x'*99999999", "range(999999999)", "- 1", "[::-1]", "('"], bytes =>
            {
                var text = ChatTemplate.Parse(Text(bytes)).Render(Messages(), addGenerationPrompt: true);
                return $"{Math.Min(text.Length, 50)}";
            }, e => e is ChatTemplateException && e.Message.Length > 0, mostBytes: _ => 400 << 20));
    }

    private static byte[][] Texts(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    // With the odd half of a surrogate pair, as decoding bytes of a model can give none but a program can.
    private static string Text(byte[] bytes) => bytes.Length % 16 == 1 ? Encoding.UTF8.GetString(bytes) + "\ud800" : Encoding.UTF8.GetString(bytes);
}
