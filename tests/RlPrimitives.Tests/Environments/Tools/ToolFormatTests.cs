using Microsoft.Extensions.AI;
using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class ToolFormatTests
{
    private static readonly BracketToolFormat Bracket = new();
    private static readonly HermesToolFormat Hermes = new();

    [Fact]
    public void A_bracket_call_is_a_name_and_a_text()
    {
        Assert.Equal([new ToolRequest("calc", "12*3")], Bracket.Parse("12*3=[calc: 12*3]"));
        Assert.Equal([new ToolRequest("a", ""), new ToolRequest("b_2", "x: y")], Bracket.Parse("[a:] [b_2:x: y ]"));
        Assert.Equal([new ToolRequest("add", """{"a": 1, "b": 2}""")], Bracket.Parse("""[add: {"a": 1, "b": 2}]"""));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1, 2]")]
    [InlineData("[calc 1]")]
    [InlineData("[calc: 1")]
    [InlineData("[: 1]")]
    [InlineData("calc: 1]")]
    public void What_only_looks_like_a_bracket_call_is_none(string text) => Assert.Empty(Bracket.Parse(text));

    [Fact]
    public void A_result_stands_in_braces_and_an_error_says_so()
    {
        Assert.Equal("{36}", Bracket.Write(new ToolCall("calc", "12*3", "36")));
        Assert.Equal("{error: division by zero}", Bracket.Write(new ToolCall("calc", "1/0", "error: division by zero", "division by zero")));
        Assert.Contains("[calc: argument] Computes", Bracket.Describe([Calculator.Tool()]), StringComparison.Ordinal);
    }

    [Fact]
    public void Hermes_calls_are_objects_between_marks()
    {
        var found = Hermes.Parse("""
            Let me see. <tool_call>
            {"name": "calc", "arguments": {"expression": "12*3"}}
            </tool_call><tool_call>{"name": "now"}</tool_call> <tool_call>{"name": "calc", "arguments": "{\"expression\": \"1\"}"}</tool_call><|im_end|>
            """);
        Assert.Equal(
            [new ToolRequest("calc", """{"expression": "12*3"}"""), new ToolRequest("now", "{}"), new ToolRequest("calc", """{"expression": "1"}""")], found);
        Assert.Empty(Hermes.Parse("no call here"));
    }

    [Theory]
    [InlineData("<tool_call>{\"name\": \"calc\"", "not closed")]
    [InlineData("<tool_call>{'name': 'calc'}</tool_call>", "not valid JSON")]
    [InlineData("<tool_call>[1]</tool_call>", "an object with a 'name'")]
    [InlineData("<tool_call>{\"name\": 3}</tool_call>", "an object with a 'name'")]
    [InlineData("<tool_call></tool_call>", "not valid JSON")]
    [InlineData("<tool_call>{\"name\": \"\\ud800\", \"arguments\": {}}</tool_call>", "not valid JSON")] // half of a surrogate pair is no text
    [InlineData("<tool_call>{\"name\": \"calc\", \"arguments\": \"\\udc00\"}</tool_call>", "not valid JSON")]
    public void A_call_that_cannot_be_read_is_a_request_with_an_error(string text, string says) =>
        Assert.Contains(says, Assert.Single(Hermes.Parse(text)).Error, StringComparison.Ordinal);

    [Fact]
    public void The_description_of_hermes_tools_is_their_schema()
    {
        var text = Hermes.Describe([Calculator.Tool(), AIFunctionFactory.Create((int a) => a, "echo", "Says it again.")]);
        Assert.Contains("\"name\":\"calc\"", text, StringComparison.Ordinal);
        Assert.Contains("Says it again.", text, StringComparison.Ordinal);
    }
}
