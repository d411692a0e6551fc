using RlNotebooks.Documents;
using RlNotebooks.Running;
using static RlNotebooks.Tests.Workspace;

namespace RlNotebooks.Tests;

[Collection(ProcessStateCollection.Name)]
public sealed class ParameterTests : IDisposable
{
    private const string Cell = "int n = 1; var rate = 0.5; string name = \"a\"; bool full = false; const int Fixed = 3; int? limit = 5; var seeds = new[] { 1 };";

    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [Fact]
    public async Task Values_override_the_declarations_with_their_types()
    {
        var report = await RunAsync(("n", "7"), ("rate", "2"), ("name", "b \"q\" \\"), ("full", "true"), ("limit", "null"), ("seeds", "new[] { 4, 5 }"));
        Assert.Null(report.Failure);
        Assert.Equal("7 2 Double b \"q\" \\ True True 9", work.Text(2));
        Assert.True(work.Executed.Cells[1].HasTag("injected-parameters"));
    }

    [Theory]
    [InlineData("m", "1", "no parameter 'm'. Its parameters are: n, rate")]
    [InlineData("n", "2.5", "'n' is of type int; '2.5' is not one")]
    [InlineData("full", "yes", "'full' is of type bool; 'yes' is not one")]
    [InlineData("Fixed", "1", "'Fixed' is const")]
    public async Task A_wrong_name_or_value_is_a_clear_error(string name, string value, string message) =>
        Assert.Contains(message, (await Assert.ThrowsAsync<NotebookException>(() => RunAsync((name, value)))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task Values_without_a_parameters_cell_are_a_clear_error() =>
        Assert.Contains("tagged 'parameters'", (await Assert.ThrowsAsync<NotebookException>(() =>
            work.RunAsync(o => o with { Parameters = new Dictionary<string, string> { ["n"] = "1" } }, ("int n = 1;", [])))).Message, StringComparison.Ordinal);

    private Task<RunReport> RunAsync(params (string Name, string Value)[] values) =>
        work.RunAsync(o => o with { Parameters = values.ToDictionary(v => v.Name, v => v.Value) }, Tagged("parameters", Cell),
            ("$\"{n} {rate} {rate.GetType().Name} {name} {full} {limit is null} {seeds.Sum()}\"", []));
}
