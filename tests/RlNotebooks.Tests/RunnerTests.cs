using RlNotebooks.Documents;
using static RlNotebooks.Tests.Workspace;

namespace RlNotebooks.Tests;

[Collection(ProcessStateCollection.Name)]
public sealed class RunnerTests : IDisposable
{
    private readonly Workspace work = new();

    public void Dispose() => work.Dispose();

    [Fact]
    public async Task A_trailing_expression_is_the_result_and_state_crosses_cells()
    {
        var report = await work.RunAsync("var x = 20;", "x += 1;", "await Task.FromResult(x * 2)");
        Assert.Null(report.Failure);
        Assert.Empty(work.Executed.Cells[0].Outputs);
        Assert.Empty(work.Executed.Cells[1].Outputs);
        Assert.Equal("42", work.Text(2));
        Assert.Equal(3, work.Executed.Cells[2].Json["execution_count"]!.GetValue<int>());
    }

    [Fact]
    public async Task Console_text_becomes_joined_streams_in_order()
    {
        await work.RunAsync("""Console.Write("a"); Console.WriteLine("b"); Console.Error.WriteLine("c"); await Task.Run(() => Console.WriteLine("d"));""");
        Assert.Equal(("ab\n", "c\n", "d\n"), (work.Text(0), work.Text(0, 1), work.Text(0, 2)));
        Assert.Equal("stderr", work.Output(0, 1)["name"]!.ToString());
    }

    [Fact]
    public async Task An_error_names_cell_line_and_source_and_the_output_is_written_all_the_same()
    {
        var report = await work.RunAsync("var x = 1;\nx", "\nvar y = 2;\nthrow new InvalidOperationException($\"boom {y}\");", "Console.WriteLine(3)");
        Assert.Equal("code cell 2, line 3 (throw new InvalidOperationException($\"boom {y}\");): InvalidOperationException: boom 2", report.Failure!.ToString());
        Assert.Equal("1", work.Text(0));
        Assert.Equal("InvalidOperationException: boom 2\n   at cell 2, line 3", work.Text(1));
        Assert.Empty(work.Executed.Cells[2].Outputs);
        Assert.Contains("boom 2", work.Page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_framework_error_shows_the_call_and_its_line_without_machine_paths()
    {
        var report = await work.RunAsync("\nFile.ReadAllText(Path.GetFullPath(\"nothing.txt\"))".Replace("File", "System.IO.File", StringComparison.Ordinal).Replace("Path.", "System.IO.Path.", StringComparison.Ordinal));
        Assert.Equal(2, report.Failure!.Line);
        Assert.Contains("Could not find file 'nothing.txt'", work.Text(0), StringComparison.Ordinal);
        Assert.DoesNotContain(work.Folder, work.Text(0), StringComparison.Ordinal);
        Assert.True(work.Text(0).Split('\n').Length <= 3, work.Text(0));
    }

    [Fact]
    public async Task A_compilation_error_names_its_line()
    {
        var report = await work.RunAsync("var x = 1;\nint y = \"text\";");
        Assert.Equal(2, report.Failure!.Line);
        Assert.Contains("cell 1, line 2, column 9: error CS0029", work.Text(0), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expected_exceptions_pass_and_skipped_cells_do_not_run()
    {
        var report = await work.RunAsync(null, Tagged("raises-exception", "throw new Exception(\"as planned\");"),
            Tagged("skip-execution", "Console.WriteLine(\"never\")"), ("\"after\"", []));
        Assert.Null(report.Failure);
        Assert.Contains("as planned", work.Text(0), StringComparison.Ordinal);
        Assert.Empty(work.Executed.Cells[1].Outputs);
        Assert.Equal("after", work.Text(2));
    }

    [Fact]
    public async Task A_cell_that_may_throw_need_not() =>
        Assert.Null((await work.RunAsync(null, Tagged("raises-exception", "1"))).Failure);

    [Fact]
    public async Task An_endless_loop_is_ended_by_the_time_limit()
    {
        var report = await work.RunAsync(o => o with { CellTimeout = TimeSpan.FromSeconds(2) }, ("var i = 0L;\nwhile (true) { i++; }", []), ("1", []));
        Assert.Contains("time limit of 2 s", report.Failure!.ToString(), StringComparison.Ordinal);
        Assert.True(report.Elapsed < TimeSpan.FromSeconds(10), $"{report.Elapsed}");
        Assert.Contains("TimeLimit", work.Text(0), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("System.Threading.Thread.Sleep(60_000);")]
    [InlineData("while (true) { await Task.Delay(10); Console.Write('.'); }")]
    [InlineData("new System.Threading.ManualResetEvent(false).WaitOne();")]
    public async Task Waiting_cells_are_ended_by_the_notebooks_time_limit(string code)
    {
        var report = await work.RunAsync(o => o with { Timeout = TimeSpan.FromSeconds(2) }, (code, []));
        Assert.Contains("--timeout", report.Failure!.ToString(), StringComparison.Ordinal);
        Assert.True(report.Elapsed < TimeSpan.FromSeconds(8), $"{report.Elapsed}");
    }

    [Fact]
    public async Task Paths_are_relative_to_the_notebook_and_the_working_directory_comes_back()
    {
        var before = Environment.CurrentDirectory;
        await File.WriteAllTextAsync(Path.Combine(work.Folder, "data.txt"), "beside");
        await work.RunAsync("System.IO.File.ReadAllText(\"data.txt\")", "throw new Exception();");
        Assert.Equal("beside", work.Text(0));
        Assert.Equal(before, Environment.CurrentDirectory);
    }

    [Fact]
    public async Task A_hundred_megabytes_of_text_stay_bounded()
    {
        var report = await work.RunAsync("var line = new string('x', 999);\nfor (var i = 0; i < 100_000; i++) Console.WriteLine(line);\nConsole.Error.WriteLine(\"end\");");
        Assert.Null(report.Failure);
        Assert.InRange(work.Text(0).Length, 100_000, 100_100);
        Assert.EndsWith("output cut after 100000 characters\n", work.Text(0), StringComparison.Ordinal);
        Assert.Equal("end\n", work.Text(0, 1));
    }

    [Fact]
    public async Task Running_again_changes_nothing()
    {
        var report = await work.RunAsync(o => o with { InPlace = true }, ("var x = 1;\nx", []), ("display(\"é😀\");", []));
        var first = await File.ReadAllTextAsync(report.NotebookPath);
        await new Running.NotebookRunner(new() { OutputFolder = Path.Combine(work.Folder, "out"), InPlace = true }, work).RunAsync(work.NotebookPath);
        Assert.Equal(work.NotebookPath, report.NotebookPath);
        Assert.Equal(first, await File.ReadAllTextAsync(work.NotebookPath));
    }

    [Fact]
    public async Task A_finished_notebooks_variables_can_be_collected()
    {
        await work.RunAsync("AppContext.SetData(\"test.weak\", null); class Big { public byte[] Bytes = new byte[1000]; }\nvar big = new Big();\nAppContext.SetData(\"test.weak\", new WeakReference(big));");
        var weak = (WeakReference)AppContext.GetData("test.weak")!;
        for (var i = 0; i < 20 && weak.IsAlive; i++)
        {
            await Task.Delay(50);
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(weak.IsAlive);
    }
}
