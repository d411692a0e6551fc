using System.Diagnostics;

namespace RlNotebooks.Tests.Kernel;

/// <summary>Jupyter's own tools, where this machine has them.</summary>
public sealed class JupyterClientTests : IDisposable
{
    private const string Suite = """
        import unittest, jupyter_kernel_test
        class T(jupyter_kernel_test.KernelTests):
            kernel_name = "rlnotebooks-csharp"; language_name = "C#"; file_extension = ".cs"
            code_hello_world = 'Console.WriteLine("hello, world");'
            code_stderr = 'Console.Error.WriteLine("oops");'
            completion_samples = [{"text": "Math.Ma", "matches": {"Max", "MaxMagnitude"}}]
            complete_code_samples = ["var x = 1;", "class A { }"]
            incomplete_code_samples = ["if (true) {", "Console.WriteLine("]
            invalid_code_samples = ["var x = );"]
            code_generate_error = 'throw new Exception("x");'
            code_execute_result = [{"code": "6*7", "result": "42"}]
            code_display_data = [{"code": 'HTML("<b>x</b>").Display();', "mime": "text/html"}]
            code_history_pattern = "6?7"
            supported_history_operations = ("tail", "range")
            code_inspect_sample = "Math.Max"
            code_clear_output = "ClearOutput();"
        unittest.main()
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("rl-jupyter-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [SkippableFact]
    public void The_kernel_passes_jupyters_kernel_tests()
    {
        Skip.IfNot(Has("jupyter_kernel_test"), "Python's jupyter_kernel_test is not on this machine.");
        Install();
        File.WriteAllText(Path.Combine(folder, "suite.py"), Suite);
        var (code, output) = Run("python3", "-W", "ignore", "suite.py");
        Assert.True(code == 0, output);
    }

    [SkippableFact]
    public void A_notebook_runs_under_nbclient()
    {
        Skip.IfNot(Has("nbclient"), "Python's nbclient is not on this machine.");
        Install();
        File.WriteAllText(Path.Combine(folder, "run.py"), """
            import nbformat, nbclient
            n = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('var d = display("old");'), nbformat.v4.new_code_cell('d.Update("new"); 6*7')])
            nbclient.NotebookClient(n, kernel_name="rlnotebooks-csharp", timeout=60).execute()
            print(n.cells[0].outputs[0]["data"]["text/plain"], n.cells[1].outputs[-1]["data"]["text/plain"])
            """);
        var (code, output) = Run("python3", "-W", "ignore", "run.py");
        Assert.True(code == 0, output);
        Assert.Contains("new 42", output, StringComparison.Ordinal);
    }

    private bool Has(string module)
    {
        try
        {
            return Run("python3", "-c", $"import {module}").Code == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private void Install() => Assert.Equal(0, Run("dotnet", KernelProcess.Program, "kernel", "install").Code);

    private (int Code, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        start.Environment["JUPYTER_DATA_DIR"] = folder;
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
