using System.Diagnostics;
using RlNotebooks.Documents;
using RlNotebooks.Tests.Kernel;

namespace RlNotebooks.Tests;

/// <summary>The run command as a process: exit codes, what is written, several at a time.</summary>
public sealed class RunCommandTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rl-run-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void A_cell_that_ends_the_process_fails_the_run_and_the_output_is_written()
    {
        Write("a", "Console.WriteLine(\"before\");", "Console.Write(\"last\"); Environment.Exit(0);", "3");
        var (code, output) = Run("a.ipynb");
        Assert.Equal(1, code);
        Assert.Contains("code cell 2 (Console.Write(\"last\"); Environment.Exit(0);): the cell ended the process", output, StringComparison.Ordinal);
        var executed = Notebook.Load(Path.Combine(folder, "out", "a.ipynb"));
        Assert.Equal(2, executed.Cells[1].Outputs.Count);
        Assert.Contains("before", executed.Cells[0].Outputs.ToJsonString(), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "out", "a.html")));
    }

    [Fact]
    public void Check_compares_with_what_was_saved_and_leaves_tagged_cells_out()
    {
        Write("a", "Console.WriteLine(System.IO.File.ReadAllText(\"n.txt\"));");
        File.WriteAllText(Path.Combine(folder, "n.txt"), "0.5 after 3 s");
        Assert.Equal(0, Run("a.ipynb", "--inplace", "--html", "false").Code);
        Assert.False(File.Exists(Path.Combine(folder, "out", "a.html")));
        File.WriteAllText(Path.Combine(folder, "n.txt"), "0.501 after 4 s");
        Assert.Equal(0, Run("a.ipynb", "--check").Code);
        var (code, output) = Run("a.ipynb", "--check", "--tolerance", "0.0001");
        Assert.Equal(1, code);
        Assert.Contains("code cell 1", output, StringComparison.Ordinal);
        Assert.Contains("saved '0.5 after", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_notebooks_run_at_a_time_and_the_worst_counts()
    {
        Write("a", "Console.WriteLine(System.IO.Path.GetFileName(Environment.CurrentDirectory).Length > 0);");
        Write("b", "throw new Exception(\"b fails\");");
        var (code, output) = Run("a.ipynb", "b.ipynb", "--parallel", "2");
        Assert.Equal(1, code);
        Assert.Contains("b  b.ipynb: code cell 1, line 1", output, StringComparison.Ordinal);
        Assert.Contains("a  done after", output, StringComparison.Ordinal);
        Assert.Contains("true", Notebook.Load(Path.Combine(folder, "out", "a.ipynb")).Cells[0].Outputs.ToJsonString(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("--parallel", "0", "give a number from 1 on")]
    [InlineData("--tolerance", "x", "give a number from 0 on")]
    [InlineData("--cell-timeout", "-1", "give a number of seconds above 0")]
    public void Wrong_values_are_named(string option, string value, string message)
    {
        Write("a", "1");
        var (code, output) = Run("a.ipynb", option, value);
        Assert.NotEqual(0, code);
        Assert.Contains(message, output, StringComparison.Ordinal);
    }

    private void Write(string name, params string[] cells)
    {
        var notebook = Notebook.Create();
        foreach (var cell in cells)
        {
            notebook.InsertCode(notebook.Cells.Count, $"c{notebook.Cells.Count}", cell);
        }

        notebook.Save(Path.Combine(folder, $"{name}.ipynb"));
    }

    private (int Code, string Output) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [KernelProcess.Program, "run", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
