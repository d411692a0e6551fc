using Parquet.Schema;
using Parquet.Serialization;
using RlPrimitives.Environments;

namespace RlPrimitives.Tests.Environments;

public sealed class DatasetTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("data").FullName;

    [Fact]
    public void Separated_values_become_problems_and_further_columns_fields()
    {
        var path = Write("a.csv", "id,prompt,answer,note\nx,\"1, 2 and \"\"3\"\"\",6,\n,\"two\nlines\",,größer\n\n");
        var problems = Prompts.Load(path);
        Assert.Equal(("x", "1, 2 and \"3\"", "6", ""), (problems[0].Id, problems[0].Prompt, problems[0].Answer, problems[0].Fields["note"]));
        Assert.Equal(("two\nlines", "größer"), (problems[1].Prompt, problems[1].Fields["note"]));
        Assert.Equal("b", Assert.Single(Prompts.Load(Write("a.tsv", "prompt\tx,y\na\tb\n"))).Fields["x,y"]);
    }

    [Theory]
    [InlineData("prompt,answer\na,1\nb\n", "line 3: 1 cells, but 2 columns")]
    [InlineData("prompt,answer\na,1\n\"b\nc\",1\nd,1,2\n", "line 5: 3 cells")] // lines of the file, though a cell spans two
    [InlineData("question,answer\na,1\n", "line 1: there is no column 'prompt'; there are question, answer")]
    [InlineData("prompt,prompt\na,b\n", "line 1: column 'prompt' is named twice")]
    [InlineData("prompt,answer\na,b\"c\n", "line 2")]
    [InlineData("", "no problems")]
    [InlineData("prompt\n", "no problems")]
    public void A_bad_line_is_named_by_file_and_number(string content, string says)
    {
        var path = Write("bad.csv", content);
        var error = Assert.Throws<InvalidDataException>(() => Prompts.Load(path));
        Assert.StartsWith(path, error.Message, StringComparison.Ordinal);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_of_other_names_can_be_named()
    {
        var columns = new PromptColumns(Prompt: "question", Answer: "solution", Id: "key");
        var problem = Assert.Single(Prompts.Load(Write("b.jsonl", """{"question": "1+1", "solution": 2, "key": "k", "answer": "other", "none": null}"""), columns));
        Assert.Equal(("k", "1+1", "2", "other"), (problem.Id, problem.Prompt, problem.Answer, problem.Fields["answer"]));
        Assert.False(problem.Fields.ContainsKey("none"));
        var error = Assert.Throws<InvalidDataException>(() => Prompts.Load(Write("c.jsonl", """{"question": "1+1"}""")));
        Assert.Contains("line 1: there is no 'prompt'; there are question. Name the columns with PromptColumns", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parquet_columns_reach_the_fields_whatever_their_type()
    {
        var path = Path.Combine(folder, "a.parquet");
        await ParquetSerializer.SerializeAsync([new Row { prompt = "größer?", answer = "ja", level = 3, share = 0.25, is_hard = true, tags = ["a", "ü\""] }], path);
        var problem = Assert.Single(Prompts.Load(path));
        Assert.Equal(("1", "größer?", "ja"), (problem.Id, problem.Prompt, problem.Answer));
        Assert.Equal(("3", "0.25", "true"), (problem.Fields["level"], problem.Fields["share"], problem.Fields["is_hard"]));
        Assert.Equal("""["a","ü\""]""", problem.Fields["tags"]);
    }

    [Fact]
    public async Task Parquet_mistakes_name_file_row_and_column()
    {
        var damaged = Write("damaged.parquet", "not parquet at all");
        Assert.StartsWith(damaged, Assert.Throws<InvalidDataException>(() => Prompts.Load(damaged)).Message, StringComparison.Ordinal);
        var path = await WriteParquet("b.parquet", new ParquetSchema(new DataField<string>("question")), new() { ["question"] = "x" });
        Assert.Contains($"{path}, row 1: there is no 'prompt'; there are question", Assert.Throws<InvalidDataException>(() => Prompts.Load(path)).Message, StringComparison.Ordinal);
        var number = await WriteParquet("c.parquet", new ParquetSchema(new DataField<int>("prompt")), new() { ["prompt"] = 1 });
        Assert.Contains("row 1: 'prompt' must be a text, found Int32", Assert.Throws<InvalidDataException>(() => Prompts.Load(number)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_extension_says_which_are_read()
    {
        var path = Write("a.xlsx", "x");
        Assert.Contains(".parquet", Assert.Throws<NotSupportedException>(() => Prompts.Load(path)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Members are named as columns.</summary>
    public sealed class Row
    {
        public string prompt { get; set; } = "";

        public string answer { get; set; } = "";

        public int level { get; set; }

        public double share { get; set; }

        public bool is_hard { get; set; }

        public List<string> tags { get; set; } = [];
    }

    private string Write(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    private async Task<string> WriteParquet(string name, ParquetSchema schema, Dictionary<string, object?> row)
    {
        var path = Path.Combine(folder, name);
        await using var stream = File.Create(path);
        await ParquetSerializer.SerializeUntypedAsync([row!], schema, stream);
        return path;
    }
}
