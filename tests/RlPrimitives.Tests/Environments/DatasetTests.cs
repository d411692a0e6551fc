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
        Assert.Equal("2", Assert.Single(Prompts.Load(Write("b.csv", "prompt, answer\n1+1,2\n"))).Answer); // space around a name is none of it
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

    [Theory]
    [InlineData("a.jsonl", "{\"prompt\": \"1\", \"id\": \"x\"}\n\n{\"prompt\": \"2\", \"id\": \"x\"}\n", "line 3: the id 'x' is that of {0}, line 1 already")]
    [InlineData("a.jsonl", "{\"prompt\": \"1\", \"id\": \"2\"}\n{\"prompt\": \"2\"}\n", "line 2: the id '2' is that of {0}, line 1 already")] // a number given to a row without one
    [InlineData("a.json", "[{\"prompt\": \"1\", \"id\": 7}, {\"prompt\": \"1\", \"id\": 7}]", "item 2: the id '7' is that of {0}, item 1 already")]
    [InlineData("a.csv", "prompt,id\n1,x\n2,y\n3,x\n", "line 4: the id 'x' is that of {0}, line 2 already")]
    public void Two_rows_of_one_id_are_refused_and_numbered_where_another_column_is_named(string name, string content, string says)
    {
        var path = Write(name, content);
        var message = Assert.Throws<InvalidDataException>(() => Prompts.Load(path)).Message;
        Assert.StartsWith($"{path}, {string.Format(System.Globalization.CultureInfo.InvariantCulture, says, path)}", message, StringComparison.Ordinal);
        Assert.Contains("PromptColumns", message, StringComparison.Ordinal);
        var problems = Prompts.Load(path, new PromptColumns(Id: "none"));
        Assert.Equal(problems.Count, problems.Select(p => p.Id).Distinct().Count());
    }

    [Fact]
    public void An_empty_id_is_none() =>
        Assert.Equal(["2", "y", "4"], Prompts.Load(Write("a.csv", "prompt,id\n1,\n2,y\n3,\n")).Select(p => p.Id));

    [Theory]
    [InlineData("latin.csv", "prompt,answer\nna\u00efve,2\n")]
    [InlineData("latin.jsonl", "{\"prompt\": \"na\u00efve\"}\n")]
    public void Text_that_is_not_utf_8_is_refused_and_not_marred(string name, string content)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, content, System.Text.Encoding.Latin1);
        Assert.Contains("save it as UTF-8", Assert.Throws<InvalidDataException>(() => Prompts.Load(path)).Message, StringComparison.Ordinal);
        File.WriteAllText(path, content, System.Text.Encoding.UTF8); // with a byte order mark
        Assert.Equal("na\u00efve", Assert.Single(Prompts.Load(path)).Prompt);
    }

    [Fact]
    public void An_array_is_as_good_as_lines_in_a_json_file()
    {
        var problems = Prompts.Load(Write("a.json", "\n[\n  {\"prompt\": \"1+1\", \"answer\": 2},\n  {\"prompt\": \"2+2\", \"note\": [1]}\n]\n"));
        Assert.Equal(["1", "2"], problems.Select(p => p.Id));
        Assert.Equal(("1+1", "2", "[1]"), (problems[0].Prompt, problems[0].Answer, problems[1].Fields["note"]));
        Assert.Equal("x", Assert.Single(Prompts.Load(Write("b.json", "{\"prompt\": \"x\"}\n"))).Prompt);
        Assert.Contains("item 2: there is no 'prompt'", Assert.Throws<InvalidDataException>(() => Prompts.Load(Write("c.json", "[{\"prompt\": \"x\"}, {}]"))).Message, StringComparison.Ordinal);
        Assert.Contains("line 2, column 1", Assert.Throws<InvalidDataException>(() => Prompts.Load(Write("d.json", "[{\"prompt\": \"x\"}\n"))).Message, StringComparison.Ordinal);
        Assert.Contains("no problems", Assert.Throws<InvalidDataException>(() => Prompts.Load(Write("e.json", "[]"))).Message, StringComparison.Ordinal);
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
    public async Task Numbers_that_JSON_does_not_know_are_read_from_parquet_all_the_same()
    {
        var schema = new ParquetSchema(new DataField<string>("prompt"), new DataField<double>("missing"), new DataField<float>("endless"), new ListField("list", new DataField<double>("element")));
        var path = await WriteParquet("n.parquet", schema, new() { ["prompt"] = "x", ["missing"] = double.NaN, ["endless"] = float.NegativeInfinity, ["list"] = new List<double> { 0.5, double.PositiveInfinity } });
        var fields = Assert.Single(Prompts.Load(path)).Fields;
        Assert.Equal(("NaN", "-Infinity", """[0.5,"Infinity"]"""), (fields["missing"], fields["endless"], fields["list"]));
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
