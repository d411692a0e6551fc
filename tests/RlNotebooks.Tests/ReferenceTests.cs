namespace RlNotebooks.Tests;

[Collection(ProcessStateCollection.Name)]
public sealed class ReferenceTests : IDisposable
{
    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [Fact]
    public async Task A_copy_of_a_loaded_library_gives_the_same_types_and_brings_its_dependencies()
    {
        File.Copy(typeof(RlPrimitives.Notebooks.NotebookHost).Assembly.Location, Path.Combine(work.Folder, "RlPrimitives.Notebooks.dll"));
        File.Copy(Path.ChangeExtension(typeof(RunnerTests).Assembly.Location, ".deps.json"), Path.Combine(work.Folder, "RlPrimitives.Notebooks.deps.json"));
        AppContext.SetData("test.problem", typeof(RlPrimitives.Environments.Problem));
        var report = await work.RunAsync("#r \"RlPrimitives.Notebooks.dll\"\nusing RlPrimitives.Environments;\nusing Microsoft.Data.Analysis;",
            "typeof(Problem) == (Type)AppContext.GetData(\"test.problem\")", "new DataFrame(new StringDataFrameColumn(\"a\", 30)).Rows.Count",
            "TorchSharp.torch.ScalarType.Float32", "RlPrimitives.Notebooks.NotebookHost.Current.Display(new Dictionary<string, string> { [\"text/plain\"] = \"from the library\" });");
        Assert.Null(report.Failure);
        Assert.Equal(("true", "30", "Float32", "from the library"), (work.Text(1), work.Text(2), work.Text(3), work.Text(4)));
    }

    [Theory]
    [InlineData("#r \"nuget: , 1.0\"", "say #r \"nuget: Id, Version\"")]
    [InlineData("#i \"somewhere\"", "say #i \"nuget: address or folder\"")]
    [InlineData("var x = 1;\n#!fsharp", "this kernel runs C# only")]
    [InlineData("#!share x --from other", "there is one kernel here")]
    [InlineData("#!nonsense", "there are #!time and #!import")]
    [InlineData("#!import nowhere.cs", "there is no such file")]
    [InlineData("#r \"absent.dll\"", "CS0006")]
    public async Task What_the_engine_does_not_know_is_said_clearly(string code, string message) =>
        Assert.Contains(message, (await work.RunAsync(code)).Failure!.Error, StringComparison.Ordinal);
}
