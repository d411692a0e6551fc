using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public sealed class PromptsTests : IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), $"prompts-{Guid.NewGuid():N}.jsonl");

    [Fact]
    public void Lines_become_problems_and_further_members_fields()
    {
        var problems = Load("""{"prompt": "1+1=", "answer": 2, "id": "a", "level": "easy", "tags": [1, 2]}""", "", "  ", """{"prompt": "größer"}""");
        Assert.Equal(("a", "1+1=", "2"), (problems[0].Id, problems[0].Prompt, problems[0].Answer));
        Assert.Equal(["easy", "[1, 2]"], [problems[0].Fields["level"], problems[0].Fields["tags"]]);
        Assert.Equal(("4", "größer", ""), (problems[1].Id, problems[1].Prompt, problems[1].Answer)); // the line's number
        Assert.Empty(problems[1].Fields);
    }

    [Theory]
    [InlineData("""{"answer": "x"}""", "prompt")]
    [InlineData("""{"prompt": "x" """, "JSON")]
    [InlineData("""["prompt"]""", "Array")]
    [InlineData("plain text", "JSON")]
    [InlineData("""{"prompt": null}""", "Null")]
    [InlineData("""{"prompt": 5}""", "Number")]
    [InlineData("""{"prompt": "a", "prompt": "b"}""", "twice")]
    [InlineData("""{"prompt": "a", "answer": "\ud800"}""", "not a text")]
    public void A_bad_line_is_named_by_file_and_number(string line, string says)
    {
        var error = Assert.Throws<InvalidDataException>(() => Load("""{"prompt": "fine"}""", "", line));
        Assert.Contains($"{path}, line 3", error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_empty_file_and_an_absent_one_are_errors()
    {
        Assert.Contains("no problems", Assert.Throws<InvalidDataException>(() => Load("", " ")).Message, StringComparison.Ordinal);
        Assert.Contains(Path.GetFullPath("nowhere.jsonl"), Assert.Throws<FileNotFoundException>(() => Prompts.Load("nowhere.jsonl")).Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(path);

    private IReadOnlyList<Problem> Load(params string[] lines)
    {
        File.WriteAllLines(path, lines);
        return Prompts.Load(path);
    }
}
