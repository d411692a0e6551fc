using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public class DocumentSetTests
{
    private static readonly DocumentSet Set = new(
    [
        new Document("France", "The capital of France is Paris."),
        new Document("Italy", "The capital of Italy is Rome. The capital was Turin once."),
        new Document("Größe", "Über die Größe der Straße."),
        new Document("", "A text without title about the the the the the."),
    ]);

    [Theory]
    [InlineData("capital of France", "France")]
    [InlineData("ROME?", "Italy")]
    [InlineData("turin paris paris", "France")] // a repeated word counts once, and the shorter document wins
    [InlineData("GRÖSSE größe", "Größe")]
    public void The_document_with_the_rarer_words_comes_first(string query, string title) => Assert.Equal(title, Set.Search(query)[0].Title);

    [Fact]
    public void Only_documents_that_share_a_word_are_found_and_equal_ones_in_order()
    {
        Assert.Empty(Set.Search("quantum"));
        Assert.Empty(Set.Search(""));
        Assert.Equal(["Italy", "France"], Set.Search("capital", count: 5).Select(d => d.Title));
        var same = new DocumentSet([new Document("b", "x"), new Document("a", "x")]);
        Assert.Equal(["b", "a"], same.Search("x", 2).Select(d => d.Title));
        Assert.Throws<ArgumentException>(() => new DocumentSet([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Set.Search("x", 0));
    }

    [Fact]
    public void Scores_are_those_of_the_formula()
    {
        // Two documents of 2 and 4 words, "x" in both, "y" in the second only, so "y" decides: idf ln(1 + 1.5/1.5) against ln(1 + 0.5/2.5).
        var set = new DocumentSet([new Document("", "x x"), new Document("", "x y z z")]);
        Assert.Equal("x y z z", set.Search("x y")[0].Text);
        Assert.Equal("x x", set.Search("x")[0].Text); // f = 2 in the shorter one
    }

    [Fact]
    public async Task As_a_tool_it_says_what_was_found_or_that_nothing_was()
    {
        var tools = new ToolSet([Set.Tool(count: 2)]);
        Assert.Equal("France: The capital of France is Paris.", (await tools.CallAsync(new ToolRequest("lookup", "Paris"))).Result);
        Assert.Equal("A text without title about the the the the the.", (await tools.CallAsync(new ToolRequest("lookup", "title"))).Result);
        Assert.Equal("nothing found", (await tools.CallAsync(new ToolRequest("lookup", "quantum"))).Result);
    }
}
