using System.Diagnostics;
using System.Text.Json.Nodes;

namespace RlNotebooks.Tests.Kernel;

/// <summary>How clients find the kernel.</summary>
public sealed class KernelSpecTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("rl-specs-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Install_writes_both_names_with_absolute_paths_and_uninstall_removes_them()
    {
        Assert.Equal(0, Run("install").Code);
        var spec = Spec("rlnotebooks-csharp");
        var arguments = spec["argv"]!.AsArray().Select(a => a!.ToString()).ToArray();
        Assert.Equal(["kernel", "start", "{connection_file}"], arguments[2..]);
        Assert.All(arguments[..2], path => Assert.True(Path.IsPathRooted(path) && File.Exists(path), path));
        Assert.Equal(("C#", "message"), (spec["language"]!.ToString(), spec["interrupt_mode"]!.ToString()));
        Assert.NotEqual(spec["display_name"]!.ToString(), Spec(".net-csharp")["display_name"]!.ToString());
        Assert.Contains("installed already", Run("install").Output, StringComparison.Ordinal);
        Assert.Contains("* rlnotebooks-csharp", Run("list").Output, StringComparison.Ordinal);
        Assert.Equal(0, Run("uninstall").Code);
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(folder, "kernels")));
        Assert.Contains("nothing of this program", Run("uninstall").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_of_somebody_else_stays_without_force()
    {
        const string other = """{"argv": ["/other"], "display_name": ".NET (C#)", "language": "C#"}""";
        var file = Path.Combine(folder, "kernels", ".net-csharp", "kernel.json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, other);
        var (code, output) = Run("install");
        Assert.Equal(0, code);
        Assert.Contains("belongs to another kernel", output, StringComparison.Ordinal);
        Assert.Equal(other, File.ReadAllText(file));
        Run("uninstall");
        Assert.Equal(other, File.ReadAllText(file));
        Assert.Equal(0, Run("install", "--force").Code);
        Assert.NotEqual(other, File.ReadAllText(file));
    }

    [Fact]
    public void An_older_installation_of_another_folder_stays_without_force()
    {
        Run("install");
        var file = Path.Combine(folder, "kernels", "rlnotebooks-csharp", "kernel.json");
        File.WriteAllText(file, File.ReadAllText(file).Replace("RlNotebooks.dll", "moved.dll", StringComparison.Ordinal));
        var before = File.ReadAllText(file);
        Assert.Contains("--force", Run("install").Output, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(file));
        Assert.Contains("is gone", Run("list").Output, StringComparison.Ordinal);
    }

    private JsonNode Spec(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "kernels", name, "kernel.json")))!;

    private (int Code, string Output) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [KernelProcess.Program, "kernel", .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["JUPYTER_DATA_DIR"] = folder;
        start.Environment["JUPYTER_PATH"] = "";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd() + error.GetAwaiter().GetResult();
        process.WaitForExit();
        return (process.ExitCode, output);
    }
}
